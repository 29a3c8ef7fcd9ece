package sqlstore

// OpenThrough is Open with something between the store and its driver.
var OpenThrough = open
