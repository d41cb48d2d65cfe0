package nft

// Features is what the running kernel can do of what rulesets may need, by name.
type Features map[string]bool
