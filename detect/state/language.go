package state

import (
	"errors"
	"fmt"
	"maps"
	"text/template"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

// compile turns the texts of all checks into programs.
func (c *Catalogue) compile() error {
	envs := map[estate.Kind]*cel.Env{}
	for name, k := range c.kinds {
		options := []cel.EnvOption{ext.Math(), ext.Strings(), cel.CrossTypeNumericComparisons(true), cel.Variable("name", cel.StringType)}
		for _, a := range k.attributes {
			options = append(options, cel.Variable(a, k.types[a]))
		}
		env, err := cel.NewEnv(options...)
		if err != nil {
			return fmt.Errorf("names of kind %s: %w", name, err)
		}
		envs[name] = env
	}
	byID := map[string]*Check{}
	for _, check := range c.checks {
		byID[check.ID] = check
	}
	var errs []error
	for _, check := range c.checks {
		if check.kind = c.kinds[check.Entity]; check.kind == nil {
			errs = append(errs, fmt.Errorf("%s: check %s: entity %q is not in kinds.yaml", check.place, check.ID, check.Entity))
			continue
		}
		k := &compiler{catalogue: c, check: check, envs: envs}
		k.all(byID)
		if err := errors.Join(k.errs...); err != nil {
			errs = append(errs, fmt.Errorf("%s: check %s: %w", check.place, check.ID, err))
		}
	}
	return errors.Join(errs...)
}

// compiler gathers the errors of one check.
type compiler struct {
	catalogue *Catalogue
	check     *Check
	envs      map[estate.Kind]*cel.Env
	errs      []error
}

func (k *compiler) fail(format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf(format, args...))
}

func (k *compiler) all(byID map[string]*Check) {
	c := k.check
	c.resources = append(c.resources, c.kind.Resource)
	for _, resource := range c.Reads {
		c.resources = append(c.resources, []string{resource})
	}
	options := []cel.EnvOption{cel.Variable("called", cel.BoolType)}
	for name, d := range derived[c.Entity] {
		options = append(options, cel.Variable(name, d.typ))
	}
	for name, w := range c.With {
		k.with(name, w)
		options = append(options, cel.Variable(name+".count", cel.DoubleType), cel.Variable(name+".sum", cel.DoubleType),
			cel.Variable(name+".names", cel.ListType(cel.StringType)))
	}
	for name := range c.Limits {
		options = append(options, cel.Variable("limit."+name, cel.DoubleType))
	}
	env, err := k.envs[c.Entity].Extend(options...)
	if err != nil {
		k.fail("%w", err)
		return
	}
	for _, name := range c.Requires {
		if c.kind.Attributes[name] == "" {
			k.fail("requires: %s is not an attribute of %s", name, c.Entity)
		}
	}
	if c.Since != "" && c.kind.Attributes[c.Since] != Time {
		k.fail("since: %s is not a time attribute of %s", c.Since, c.Entity)
	}
	c.when = k.condition("when", env, c.When)
	c.fire = k.condition("fire", env, c.Fire)

	options = []cel.EnvOption{cel.Variable("count", cel.DoubleType), cel.Variable("total", cel.DoubleType), cel.Variable("lasting", cel.DoubleType)}
	workload := k.catalogue.kinds["workload"]
	c.workload = workload
	for _, a := range workload.attributes {
		options = append(options, cel.Variable("owner."+a, workload.types[a]))
	}
	if env, err = env.Extend(options...); err != nil {
		k.fail("%w", err)
		return
	}
	for i := range c.Severity {
		c.Severity[i].when = k.condition("severity", env, c.Severity[i].When)
	}
	names := c.sample(workload)
	c.titleText = k.text("title", c.Title, names)
	c.effectText = k.text("effect", c.Effect, names)
	for _, r := range c.Remedy {
		c.remedyText = append(c.remedyText, k.text("remedy", r, names))
	}
	for i := range c.Evidence {
		f := &c.Evidence[i]
		f.when = k.condition("evidence", env, f.When)
		f.text = k.text("evidence", f.Text, names)
	}
	for i := range c.EchoOf {
		e := &c.EchoOf[i]
		if e.check = byID[e.Check]; e.check == nil {
			k.fail("echo_of: there is no check %q", e.Check)
			e.check = c // so that the order can be made; the error stands
		}
		e.way = parseSteps(e.Along)
		e.Linger = max(e.Linger, lingerFor)
	}
}

func (k *compiler) with(name string, w *With) {
	if w.kind = k.catalogue.kinds[w.To]; w.kind == nil {
		k.fail("with %s: kind %q is not in kinds.yaml", name, w.To)
		return
	}
	if len(w.Along) == 0 {
		k.fail("with %s: along must name at least one relation", name)
	}
	if w.Sum != "" && w.kind.Attributes[w.Sum] != Number {
		k.fail("with %s: sum: %s is not a number of %s", name, w.Sum, w.To)
	}
	k.check.resources = append(k.check.resources, w.kind.Resource)
	w.way = parseSteps(w.Along)
	w.where = k.condition("with "+name, k.envs[w.To], w.Where)
}

// condition compiles a text that says yes or no.
func (k *compiler) condition(field string, env *cel.Env, text string) cel.Program {
	if text == "" {
		return nil
	}
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		k.fail("%s: %q: %w", field, text, err)
		return nil
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		k.fail("%s: %q gives %s where bool is wanted", field, text, ast.OutputType())
		return nil
	}
	program, err := env.Program(ast)
	if err != nil {
		k.fail("%s: %q: %w", field, text, err)
		return nil
	}
	for _, ref := range ast.NativeRep().ReferenceMap() {
		if k.check.kind.Attributes[ref.Name] == Time && (field == "fire" || field == "when") {
			k.check.timed = true
			k.check.times = append(k.check.times, ref.Name)
		}
	}
	return program
}

func (k *compiler) text(field, text string, names map[string]any) *template.Template {
	t, err := detect.ParseText(text, names)
	if err != nil {
		k.fail("%s: %w", field, err)
	}
	return t
}

// sample is an example of all names that a text of the check may use.
func (c *Check) sample(workload *Kind) map[string]any {
	names := map[string]any{}
	for a, t := range c.kind.Attributes {
		names[a] = t.example()
	}
	for name, d := range derived[c.Entity] {
		names[name] = d.example
	}
	of := map[string]any{"name": "shop/web"}
	for a, t := range workload.Attributes {
		of[a] = t.example()
	}
	limits := map[string]any{}
	for name, v := range c.Limits {
		limits[name] = v
	}
	for name := range c.With {
		names[name] = map[string]any{"count": 1.0, "sum": 1.0, "names": []string{"a"}}
	}
	maps.Copy(names, map[string]any{"name": "shop/web", "called": true, "count": 1.0, "total": 1.0, "lasting": 1.0, "owner": of,
		"limit": limits, "one": "shop/web-1", "cluster": "prod", "why": "why", "main": "main", "help": "help"})
	return names
}

func (t ValueOf) example() any {
	switch t {
	case Number, Time:
		return 1.0
	case Bool:
		return true
	case List:
		return []string{"a"}
	case Map:
		return map[string]string{"a": "b"}
	}
	return "text"
}
