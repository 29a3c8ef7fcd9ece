package advice

import (
	"errors"
	"fmt"
	"slices"

	"drawbridge/inventory"
)

// maxPlatforms is how many rows of platforms.csv speak about one device.
const maxPlatforms = 3

// platform is a row of platforms.csv: what a platform can do, and so what to do about a device of that kind.
type platform struct {
	field       string
	pattern     pattern
	from, below version // of the client or the system; none: any
	when        string  // what keeps the device from going direct: "tls", "login" or "any"
	step        inventory.NextStep
	advice      inventory.Advice
}

var (
	platformFields = []string{"client", "os", "snmp", "vendor", "stack", "category"}
	platformCases  = []string{"tls", "login", "any"}
	// platformSteps are the ways out of TLS that is too old.
	platformSteps = []inventory.NextStep{"", inventory.StepEnable, inventory.StepUpdate, inventory.StepReplace, inventory.StepIdentify}
)

// addPlatform takes a row of platforms.csv: field, pattern, from, below, when, step, text, url, comment. The comment
// says where the fact is from; a row without a page to cite must say so there.
func (a *Advisor) addPlatform(row []string) error {
	p := platform{
		field: row[0], from: parseVersion(row[2]), below: parseVersion(row[3]), when: row[4],
		step: inventory.NextStep(row[5]), advice: inventory.Advice{Text: row[6], URL: row[7]},
	}
	if !slices.Contains(platformFields, p.field) || !slices.Contains(platformCases, p.when) || row[6] == "" {
		return fmt.Errorf("%q is no platform", row)
	}
	if !slices.Contains(platformSteps, p.step) || p.step != "" && p.when != "tls" {
		return fmt.Errorf("step %q says nothing about old TLS", p.step)
	}
	if row[7] == "" && row[8] == "" {
		return errors.New("neither a page nor a comment says where this is from")
	}
	if ranged := p.from.known || p.below.known; ranged && p.field != "client" && p.field != "os" {
		return errors.New("only clients and systems tell their version")
	}
	var err error
	p.pattern, err = parsePattern(row[1])
	a.platforms = append(a.platforms, p)
	return err
}

// knowledge is what the table knows of a device: the step out of old TLS that its first row with one names, and what to
// tell, the most particular first.
type knowledge struct {
	step inventory.NextStep
	rows [maxPlatforms]*platform
	n    int
}

func (a *Advisor) known(s *seen) knowledge {
	var k knowledge
	problem := problemOf(s.d)
	if s.stranger || problem == "" {
		return k
	}
	for i := range a.platforms {
		p := &a.platforms[i]
		if (p.when == problem || p.when == "any") && p.fits(s) {
			k.add(p)
		}
	}
	return k
}

// add takes the rows in the order of the table. The first that names a step has a place even if it comes late.
func (k *knowledge) add(p *platform) {
	switch {
	case k.n < maxPlatforms:
		k.n++
	case p.step == "" || k.step != "":
		return
	}
	k.rows[k.n-1] = p
	if k.step == "" {
		k.step = p.step
	}
}

func (p *platform) fits(s *seen) bool {
	switch p.field {
	case "category":
		return p.pattern[0].text == string(s.d.Category)
	case "stack":
		return !s.stack.Suites && p.pattern.allFound(s.stackName, nameSeparator)
	}
	shown, _ := s.field(p.field)
	return p.pattern.find(shown) != "" && (p.field != "client" || p.inRange(s.version)) && (p.field != "os" || p.inRange(s.osVersion))
}

func (p *platform) inRange(v version) bool {
	if !p.from.known && !p.below.known {
		return true
	}
	return v.known && !v.below(p.from) && (!p.below.known || v.below(p.below))
}
