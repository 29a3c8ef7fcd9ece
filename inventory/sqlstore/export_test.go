package sqlstore

// OpenThrough is Open with something between the store and its driver.
var OpenThrough = open

// SQLiteAdvice is what is said about an error of SQLite.
var SQLiteAdvice = sqliteAdvice
