package web

import (
	"net/http"

	"drawbridge/inventory"
)

// deviceRules is what a device's page shows of the rules.
type deviceRules struct {
	Explanation
	Next []Step
	More int // rules that are not shown
	Days int
}

// maxNext is how many changes to come a device's page shows.
const maxNext = 12

// rulesOf explains what the rules decide for a device, and what changes next.
func (d *dashboard) rulesOf(dev *inventory.Device) *deviceRules {
	rules := d.rules(nil)
	if rules == nil || dev.Account == inventory.Stranger {
		return nil
	}
	now := d.Now()
	r := &deviceRules{Explanation: rules.Explain(dev, now), Next: rules.Ahead(dev, now, now.AddDate(0, 0, aheadDays)), Days: aheadDays}
	r.Next = r.Next[:min(maxNext, len(r.Next))]
	r.More = max(0, len(r.Verdicts)-maxVerdicts)
	r.Verdicts = r.Verdicts[:len(r.Verdicts)-r.More]
	return r
}

// askBlock asks before a device that was seen today is blocked at once, and makes the change where people have said yes. It reports
// whether it has answered.
func (d *dashboard) askBlock(w http.ResponseWriter, r *http.Request, dev *inventory.Device) bool {
	values := changed(dev, formSettings(r.PostForm))
	m := move{ids: []string{dev.ID}, values: values, form: r.PostForm, back: deviceURL("/devices/", dev.ID)}
	if !m.decides() || m.check() != nil {
		return false // what is wrong is told at its field
	}
	ask, err := d.mustAsk(r.Context(), &m)
	switch {
	case err != nil:
		d.failReading(w, r, err)
	case ask:
		d.preview(w, r, &m, m.back)
	case m.sure():
		d.apply(w, r, &m)
	default:
		return false
	}
	return true
}
