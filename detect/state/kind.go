package state

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/evenkeel/evenkeel/estate"
)

// Kind is a sort of entity as the checks know it.
type Kind struct {
	Name estate.Kind `yaml:"-"`
	// Resource are the plurals of what tells of them; where all of them may not
	// be read, nothing is known. Empty for what needs no permission.
	Resource   []string             `yaml:"resource"`
	Attributes map[string]ValueOf   `yaml:"attributes"`
	attributes []string             // sorted
	types      map[string]*cel.Type // of attributes
}

// ValueOf is the type of an attribute.
type ValueOf string

// The types of attributes. All are text in the estate.
const (
	Text   ValueOf = "text"
	Number ValueOf = "number"
	Bool   ValueOf = "bool"
	Time   ValueOf = "time" // RFC 3339; read as seconds ago, -1 where it is not set
	List   ValueOf = "list" // a,b,c
	Map    ValueOf = "map"  // a=1,b=2
)

var celTypes = map[ValueOf]*cel.Type{
	Text: cel.StringType, Number: cel.DoubleType, Bool: cel.BoolType, Time: cel.DoubleType,
	List: cel.ListType(cel.StringType), Map: cel.MapType(cel.StringType, cel.StringType),
}

func (k *Kind) prepare() error {
	k.types = map[string]*cel.Type{}
	for name, t := range k.Attributes {
		if k.types[name] = celTypes[t]; k.types[name] == nil {
			return fmt.Errorf("kind %s: attribute %s is %q, which is not text, number, bool, time, list or map", k.Name, name, t)
		}
		k.attributes = append(k.attributes, name)
	}
	slices.Sort(k.attributes)
	return nil
}

// read turns an attribute's text into a value of its type; what is absent or
// cannot be read is the type's nothing.
func (t ValueOf) read(text string, now time.Time) any {
	switch t {
	case Number:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0.0
		}
		return v
	case Bool:
		return text == "true"
	case Time:
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return -1.0
		}
		return max(now.Sub(at).Seconds(), 0)
	case List:
		return list(text)
	case Map:
		out := map[string]string{}
		for _, item := range list(text) {
			key, value, _ := strings.Cut(item, "=")
			out[key] = value
		}
		return out
	}
	return text
}

// list is what a list's text holds.
func list(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, ",")
}
