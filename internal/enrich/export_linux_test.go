package enrich

// GatewaysOf is gatewaysOf, whose routes a test cannot give the kernel everywhere.
var GatewaysOf = gatewaysOf
