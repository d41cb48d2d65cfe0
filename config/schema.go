package config

import (
	"encoding/json"
	"reflect"
)

// namePattern is checkName as JSON Schema has it, without the reserved names.
const namePattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$"

// jsonSchema is the part of JSON Schema that a policy needs.
type jsonSchema struct {
	Dialect       string                 `json:"$schema,omitempty"`
	Title         string                 `json:"title,omitempty"`
	Description   string                 `json:"description,omitempty"`
	Type          string                 `json:"type,omitempty"`
	Enum          []string               `json:"enum,omitempty"`
	Minimum       *int                   `json:"minimum,omitempty"`
	Maximum       *int                   `json:"maximum,omitempty"`
	Pattern       string                 `json:"pattern,omitempty"`
	Default       json.RawMessage        `json:"default,omitempty"`
	AnyOf         []*jsonSchema          `json:"anyOf,omitempty"`
	Items         *jsonSchema            `json:"items,omitempty"`
	MinItems      int                    `json:"minItems,omitempty"`
	Properties    map[string]*jsonSchema `json:"properties,omitempty"`
	PropertyNames *jsonSchema            `json:"propertyNames,omitempty"`
	Required      []string               `json:"required,omitempty"`
	// Additional is false for tables whose keys are known, and a schema for
	// tables by name.
	Additional any `json:"additionalProperties,omitempty"`
}

// Schema is the JSON Schema (draft 2020-12) of rempart.toml, for editors.
func Schema() []byte { return schemaText("rempart.toml: the policy of a rempart gateway", false) }

// NodeSchema is the JSON Schema (draft 2020-12) of node.toml, for editors.
func NodeSchema() []byte { return schemaText("node.toml: one machine of a rempart gateway", true) }

func schemaText(title string, ofNode bool) []byte {
	root := tableSchema(reflect.TypeFor[rawPolicy](), ofNode)
	root.Dialect, root.Title = "https://json-schema.org/draft/2020-12/schema", title
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("config: the schema holds a default that is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// tableSchema describes a table with the keys of a raw struct.
func tableSchema(t reflect.Type, ofNode bool) *jsonSchema {
	s := &jsonSchema{Type: "object", Properties: make(map[string]*jsonSchema), Additional: false}
	for _, f := range fieldsOf(t) {
		if !f.in(ofNode) {
			continue
		}
		s.Properties[f.key] = fieldSchema(f, ofNode)
		if f.needed(ofNode) {
			s.Required = append(s.Required, f.key)
		}
	}
	return s
}

func fieldSchema(f field, ofNode bool) *jsonSchema {
	form, keys := f.raw().form()
	s := &jsonSchema{}
	switch form {
	case formText:
		s.Type, s.Enum = "string", f.enum
	case formNumber:
		s.Type, s.Minimum, s.Maximum = "integer", &f.min, &f.max
	case formNumbers:
		number := &jsonSchema{Type: "integer", Minimum: &f.min, Maximum: &f.max}
		s.AnyOf = []*jsonSchema{number, arrayOf(number)}
	case formFlag:
		s.Type = "boolean"
	case formList:
		s.AnyOf = append(itemSchemas(f), listSchema(f))
	case formGrid:
		s = arrayOf(listSchema(f))
	case formSection:
		s = tableSchema(keys, ofNode)
	case formNamed:
		s.Type, s.Additional = "object", tableSchema(keys, ofNode)
		s.PropertyNames = &jsonSchema{Pattern: namePattern}
	case formOrdered:
		s = arrayOf(tableSchema(keys, ofNode))
	}
	s.Description = f.doc
	if json.Valid([]byte(f.def)) {
		s.Default = json.RawMessage(f.def)
	} else if f.def != "" {
		s.Description += " Default: " + f.def + "."
	}
	return s
}

func arrayOf(item *jsonSchema) *jsonSchema {
	return &jsonSchema{Type: "array", Items: item, MinItems: 1}
}

// itemSchemas is what one element of a list may be.
func itemSchemas(f field) []*jsonSchema {
	items := []*jsonSchema{{Type: "string", Enum: f.enum}}
	if f.integers {
		items = append(items, &jsonSchema{Type: "integer"})
	}
	return items
}

func listSchema(f field) *jsonSchema {
	items := itemSchemas(f)
	s := arrayOf(items[0])
	if len(items) > 1 {
		s.Items = &jsonSchema{AnyOf: items}
	}
	if f.empty {
		s.MinItems = 0
	}
	return s
}
