package config

type schemaNode struct{}

func (*text) schema(field) *schemaNode       { return nil }
func (*number) schema(field) *schemaNode     { return nil }
func (*flag) schema(field) *schemaNode       { return nil }
func (*list) schema(field) *schemaNode       { return nil }
func (*grid) schema(field) *schemaNode       { return nil }
func (*section[T]) schema(field) *schemaNode { return nil }
func (*named[T]) schema(field) *schemaNode   { return nil }
func (*ordered[T]) schema(field) *schemaNode { return nil }
