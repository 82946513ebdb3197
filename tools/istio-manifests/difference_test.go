package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tree is a decoded JSON object.
type tree = map[string]any

// difference is a value in which a proxy of the cluster and the same proxy of the local mesh differ.
type difference struct {
	proxy, path string
	// The two values as JSON. A value that does not exist is "none".
	cluster, local string
}

func (d difference) String() string {
	start := 0
	for start < min(len(d.cluster), len(d.local)) && d.cluster[start] == d.local[start] {
		start++
	}
	return fmt.Sprintf("%s: %s\n  cluster: %s\n  local:   %s", d.proxy, d.path, excerpt(d.cluster, start), excerpt(d.local, start))
}

// excerpt returns at most 200 bytes of a text, from 40 bytes before the position at which the two values start to differ. So a report of
// many differences can be read.
func excerpt(text string, different int) string {
	start := max(0, min(different-40, len(text)-200))
	end := min(len(text), start+200)
	excerpt := strings.ToValidUTF8(text[start:end], "")
	if start > 0 {
		excerpt = "… " + excerpt
	}
	if end < len(text) {
		excerpt += fmt.Sprintf(" … (%d more bytes)", len(text)-end)
	}
	return excerpt
}

// none stands for a value that does not exist.
type none struct{}

func asJSON(value any) string {
	if _, missing := value.(none); missing {
		return "none"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// compare returns the smallest values in which two JSON values differ. A path looks like `routes["80"].name`.
func compare(proxy, path string, cluster, local any) []difference {
	var found []difference
	switch c := cluster.(type) {
	case tree:
		if l, ok := local.(tree); ok {
			for _, key := range keysOf(c, l) {
				found = append(found, compare(proxy, path+segment(key, path != ""), valueOf(c, key), valueOf(l, key))...)
			}
			return found
		}
	case []any:
		if l, ok := local.([]any); ok && !(scalars(c) && scalars(l)) {
			return compareLists(proxy, path, c, l)
		}
	}
	if !reflect.DeepEqual(cluster, local) {
		found = append(found, difference{proxy, path, asJSON(cluster), asJSON(local)})
	}
	return found
}

// compareLists compares two lists by the names of their items, and then the order of the names. If an item does not have a name, the
// lists are compared by position.
func compareLists(proxy, path string, cluster, local []any) []difference {
	c, clusterNames := named(cluster)
	l, localNames := named(local)
	var found []difference
	if c == nil || l == nil {
		for i := range max(len(cluster), len(local)) {
			found = append(found, compare(proxy, fmt.Sprintf("%s[%d]", path, i), itemOf(cluster, i), itemOf(local, i))...)
		}
		return found
	}
	for _, name := range keysOf(c, l) {
		found = append(found, compare(proxy, fmt.Sprintf("%s[%q]", path, name), valueOf(c, name), valueOf(l, name))...)
	}
	inOneOnly := func(name string) bool { return c[name] == nil || l[name] == nil }
	clusterOrder, localOrder := slices.DeleteFunc(clusterNames, inOneOnly), slices.DeleteFunc(localNames, inOneOnly)
	if !slices.Equal(clusterOrder, localOrder) {
		found = append(found, difference{proxy, path + ".order", asJSON(clusterOrder), asJSON(localOrder)})
	}
	return found
}

// named returns the items of a list by name, and the names in the order of the list. The second item with the same name gets the name
// NAME#2. If an item does not have a name, named returns nil.
func named(list []any) (tree, []string) {
	items, names := tree{}, []string{}
	for _, item := range list {
		object, _ := item.(tree)
		name, ok := object["name"].(string)
		if !ok {
			return nil, nil
		}
		name = unusedKey(items, name)
		items[name] = item
		names = append(names, name)
	}
	return items, names
}

// unusedKey returns the key, or KEY#2, KEY#3 and so on if the object has the key already.
func unusedKey(object tree, key string) string {
	unused := key
	for count := 2; object[unused] != nil; count++ {
		unused = fmt.Sprintf("%s#%d", key, count)
	}
	return unused
}

func keysOf(a, b tree) []string {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

func valueOf(object tree, key string) any {
	if value, ok := object[key]; ok {
		return value
	}
	return none{}
}

func itemOf(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return none{}
}

func scalars(list []any) bool {
	return !slices.ContainsFunc(list, func(item any) bool {
		switch item.(type) {
		case tree, []any:
			return true
		}
		return false
	})
}

var identifier = regexp.MustCompile(`^\w+$`)

// segment returns the part of a path for one key of an object.
func segment(key string, inner bool) string {
	switch {
	case !identifier.MatchString(key) || key[0] <= '9':
		return fmt.Sprintf("[%q]", key)
	case inner:
		return "." + key
	default:
		return key
	}
}

// walk calls `visit` for every object in a JSON value, from the outside to the inside.
func walk(value any, visit func(tree)) {
	switch held := value.(type) {
	case tree:
		visit(held)
		for _, inner := range held {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range held {
			walk(inner, visit)
		}
	}
}

// pattern selects differences. In each field, `*` stands for any text.
type pattern struct{ proxy, path, cluster, local string }

func (p pattern) matches(d difference) bool {
	return glob(p.proxy, d.proxy) && glob(p.path, d.path) && glob(p.cluster, d.cluster) && glob(p.local, d.local)
}

// glob checks whether the whole text matches the pattern.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		var found bool
		_, text, found = strings.Cut(text, part)
		ok = ok && found
	}
	return ok && strings.HasSuffix(text, parts[len(parts)-1])
}

func TestCompareReportsTheSmallestDifferentValues(t *testing.T) {
	for name, one := range map[string]struct {
		cluster, local string
		want           []string
	}{
		"equal":                   {`{"a": [1, {"b": 2}]}`, `{"a": [1, {"b": 2}]}`, nil},
		"another value":           {`{"a": {"b-c": 1}}`, `{"a": {"b-c": 2}}`, []string{`a["b-c"] 1 2`}},
		"a missing value":         {`{"a": {"b": {"c": 1}}}`, `{"a": {}}`, []string{`a.b {"c":1} none`}},
		"null is a value":         {`{"a": null}`, `{}`, []string{`a null none`}},
		"an additional value":     {`{}`, `{"80": "x"}`, []string{`["80"] none "x"`}},
		"a list of names":         {`{"a": ["x", "y"]}`, `{"a": ["y"]}`, []string{`a ["x","y"] ["y"]`}},
		"an item of a list":       {`{"a": [{"b": 1}, {"b": 2}]}`, `{"a": [{"b": 1}]}`, []string{`a[1] {"b":2} none`}},
		"an item with a name":     {`{"a": [{"name": "x", "b": 1}, {"name": "y"}]}`, `{"a": [{"name": "y"}]}`, []string{`a["x"] {"b":1,"name":"x"} none`}},
		"the second of two names": {`{"a": [{"name": "x"}, {"name": "x", "b": 1}]}`, `{"a": [{"name": "x"}, {"name": "x", "b": 2}]}`, []string{`a["x#2"].b 1 2`}},
		"another order":           {`{"a": [{"name": "x"}, {"name": "y"}]}`, `{"a": [{"name": "y"}, {"name": "x"}]}`, []string{`a.order ["x","y"] ["y","x"]`}},
		"another type":            {`{"a": "1"}`, `{"a": 1}`, []string{`a "1" 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			var cluster, local any
			if err := json.Unmarshal([]byte(one.cluster), &cluster); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(one.local), &local); err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, d := range compare("proxy", "", cluster, local) {
				found = append(found, strings.Join([]string{d.path, d.cluster, d.local}, " "))
			}
			if !slices.Equal(found, one.want) {
				t.Errorf("want %q, found %q", one.want, found)
			}
		})
	}
}

func TestGlobMatchesTheWholeText(t *testing.T) {
	for pattern, texts := range map[string]struct{ match, differ []string }{
		"a":     {[]string{"a"}, []string{"", "ab", "ba"}},
		"*":     {[]string{"", "a\n*"}, nil},
		"a*a":   {[]string{"aa", "aba"}, []string{"a", "aab"}},
		"*a.b*": {[]string{"a.b", "xa.by"}, []string{"axb"}},
		"a*b*c": {[]string{"abc", "axbxc"}, []string{"ac", "acb", "abcd"}},
	} {
		for _, text := range texts.match {
			if !glob(pattern, text) {
				t.Errorf("%q does not match %q", pattern, text)
			}
		}
		for _, text := range texts.differ {
			if glob(pattern, text) {
				t.Errorf("%q matches %q", pattern, text)
			}
		}
	}
}

func TestAReportShowsWhereLongValuesDiffer(t *testing.T) {
	same := strings.Repeat("a", 500)
	report := difference{"shop/a", "b.c", same + "1" + same, same + "2" + same}.String()
	for _, value := range []string{"cluster: … aaa", "local:   … aaa", "a1a", "a2a", " … (341 more bytes)"} {
		if !strings.Contains(report, value) {
			t.Errorf("the report does not contain %q: %s", value, report)
		}
	}
	if short := (difference{"shop/a", "b", "1", "none"}).String(); short != "shop/a: b\n  cluster: 1\n  local:   none" {
		t.Error(short)
	}
}
