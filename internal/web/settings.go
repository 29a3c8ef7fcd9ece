package web

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// maxSetting is the longest value that is handed on to the Editor, in bytes; it may have bounds of its own below.
const maxSetting = 4096

// field is one setting in a form.
type field struct {
	Key, Label, Kind string // Kind: "select", "date", "text", "number", "long"
	Value            string
	Choices          []choice
	Hint, Fault      string
}

// form is the settings of one device or of many. Its fields show again what was typed where a value was refused.
type form struct {
	Fields []field
	Fault  string // of the whole
}

// settingsForm makes the form of a device from what is set. Values come from current, faults from a refused try.
func (d *dashboard) settingsForm(current func(key string) string, err error) form {
	var f form
	for _, key := range inventory.Settings {
		f.Fields = append(f.Fields, d.field(key, current(key)))
	}
	f.show(err)
	return f
}

func (d *dashboard) field(key, value string) field {
	f := field{Key: key, Label: label(key), Kind: "text", Value: value}
	switch key {
	case inventory.KeyStage:
		f.Kind, f.Choices = "select", append([]choice{{"", "As the rules say", value == ""}}, choices(words.Stages().Words(), value)...)
		f.Hint = d.StageNote
	case inventory.KeyCategory:
		f.Kind, f.Choices = "select", append([]choice{{"", "As guessed", value == ""}}, choices(words.Categories().Words(), value)...)
	case inventory.KeyPriority:
		f.Kind, f.Choices = "select", append([]choice{{"", "None", value == ""}}, choices(words.Priorities().Words(), value)...)
	case inventory.KeyDeadline:
		f.Kind, f.Hint = "date", "A plan: it blocks nothing by itself."
		if left := d.until(value); left != "" {
			f.Hint = sentence(left) + ". " + f.Hint
		}
	case inventory.KeyCost:
		f.Kind, f.Hint = "number", "In your own currency."
	case inventory.KeyNote:
		f.Kind = "long"
	}
	return f
}

// show puts the text of a refused value at its field.
func (f *form) show(err error) {
	wrong, ok := refused(err)
	if !ok {
		return
	}
	for i := range f.Fields {
		if f.Fields[i].Key == wrong.Key {
			f.Fields[i].Fault = sentence(wrong.Problem)
			return
		}
	}
	f.Fault = sentence(wrong.Error())
}

// sentence begins a text with a capital.
func sentence(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// formSettings returns the settings that a form or a query names.
func formSettings(v url.Values) map[string]string {
	values := make(map[string]string)
	for _, key := range inventory.Settings {
		if v.Has(key) {
			values[key] = strings.TrimSpace(strings.ReplaceAll(v.Get(key), "\r\n", "\n"))
		}
	}
	return values
}

// changed leaves of values those that differ from what the device is set to, so that saving a form leaves no history of what
// nobody changed.
func changed(dev *inventory.Device, values map[string]string) map[string]string {
	set := dev.Settings()
	maps.DeleteFunc(values, func(key, v string) bool { return v == set[key] })
	return values
}

// set changes a device; a value too long for anything is refused here.
func (d *dashboard) set(ctx context.Context, id string, values map[string]string, by string) error {
	if len(values) == 0 {
		return nil
	}
	for _, key := range inventory.Settings {
		if len(values[key]) > maxSetting {
			return &inventory.SettingError{Key: key, Problem: "is too long, shorten it"}
		}
	}
	defer d.forgetPlan()
	defer d.forgetFleet()
	return d.Editor.Set(ctx, id, values, by)
}

// refused tells whether an Editor's error says what is wrong with a value, and what.
func refused(err error) (*inventory.SettingError, bool) {
	var s *inventory.SettingError
	ok := errors.As(err, &s)
	return s, ok
}
