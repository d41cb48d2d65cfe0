package pieces

import "slices"

// sectionWords are the sections in the order in which they are told.
var sectionWords = []string{"rules", "nat", "aliases", "schedules", "routes", "vips", "shaper"}

// sectionOf is the section that a table belongs to; empty: both nodes always have it.
func sectionOf(table string) string {
	switch table {
	case "rule", "test":
		return "rules"
	case "nat", "port_forward", "outbound", "one_to_one", "prefix":
		return "nat"
	case "alias":
		return "aliases"
	case "schedule":
		return "schedules"
	case "route", "gateway", "gateway_group":
		return "routes"
	case "vip", "ha_group":
		return "vips"
	case "shaper", "queue", "limiter", "application", "shape":
		return "shaper"
	}
	return ""
}

// once says that a table stands once, so that what is below it is no object of its own.
func once(table string) bool {
	return table == "system" || table == "nat" || table == "ha"
}

// decides says that in a list of this name the first that matches decides, so that its order is part
// of what it says.
func decides(table string) bool {
	switch table {
	case "rule", "port_forward", "outbound", "one_to_one", "prefix", "shape", "route":
		return true
	}
	return false
}

// identity is the keys that tell the elements of a list apart.
func identity(table string) []string {
	switch table {
	case "vip":
		return []string{"interface", "address"}
	case "route":
		return []string{"destination"}
	}
	return []string{"name"}
}

// Left returns the sections that are not among sections, in the order in which the language has
// them: what each node has of its own.
func Left(sections []string) []string {
	var left []string
	for _, s := range sectionWords {
		if !slices.Contains(sections, s) {
			left = append(left, s)
		}
	}
	return left
}
