package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// maxOpen bounds device codes and refresh tokens that are kept; beyond it the oldest are dropped.
const maxOpen = 10_000

// deviceCode is a login that waits for a person (RFC 8628).
type deviceCode struct {
	delegation
	device, user string // the two codes
	expires      time.Time
	interval     time.Duration
	polled       time.Time
	approvedBy   string
	declined     bool
	spent        bool
}

type deviceCodes struct {
	mu    sync.Mutex
	codes []*deviceCode
}

// deviceAnswer is the JSON with a device code (RFC 8628, section 3.2).
type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	ExpiresIn       int64  `json:"expires_in"`
	Interval        int64  `json:"interval"`
	Message         string `json:"message"`
}

// startDevice is the device authorization endpoint.
func (c *call) startDevice() reply {
	code, err := c.newDevice()
	if err != nil {
		return c.refusal(err)
	}
	uri := c.base() + "/common/oauth2/deviceauth"
	return asJSON(http.StatusOK, deviceAnswer{
		DeviceCode: code.device, UserCode: code.user, VerificationURI: uri,
		ExpiresIn: int64(c.options.DeviceLife.Seconds()), Interval: int64(c.options.DeviceInterval.Seconds()),
		Message: fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", uri, code.user),
	})
}

func (c *call) newDevice() (*deviceCode, error) {
	tenant, app, _, err := c.asker()
	if err != nil {
		return nil, err
	}
	scope := c.r.PostForm.Get("scope")
	if _, _, err := delegated(app, scope); err != nil {
		return nil, err
	}
	code := &deviceCode{
		delegation: delegation{tenant: tenant, application: app.ID, scope: scope},
		device:     rand.Text() + rand.Text(), user: rand.Text()[:9],
		expires: c.now.Add(c.options.DeviceLife), interval: c.options.DeviceInterval,
	}
	c.codes.add(code)
	return code, nil
}

func (d *deviceCodes) add(code *deviceCode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.codes = keep(d.codes, code, maxOpen)
}

// grantDevice answers a poll (RFC 8628, section 3.5).
func (c *call) grantDevice(tenant *Tenant, app Application) (tokenAnswer, error) {
	d, err := c.codes.poll(c.r.PostForm.Get("device_code"), tenant, app.ID, c.now, c.fault.SlowDown)
	if err != nil {
		return tokenAnswer{}, err
	}
	c.note.User = d.user
	return c.delegate(d)
}

// poll tells what became of a code; if strict, one that is asked about too often must be asked about more seldom from then on.
func (d *deviceCodes) poll(device string, tenant *Tenant, app string, now time.Time, strict bool) (delegation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, code := range d.codes {
		if code.device != device || code.tenant != tenant || code.application != app {
			continue
		}
		// A poll may be early by a little: the program's clock began when the answer came.
		early := strict && !code.polled.IsZero() && now.Sub(code.polled) < code.interval-code.interval/10
		code.polled = now
		switch {
		case code.spent:
			return delegation{}, refuse(70018, "")
		case !now.Before(code.expires):
			return delegation{}, refuse(70019, "")
		case code.declined:
			return delegation{}, refuse(65004, "")
		case early:
			code.interval += 5 * time.Second
			return delegation{}, refuse(slowDown, "")
		case code.approvedBy == "":
			return delegation{}, refuse(70016, "")
		}
		code.spent = true
		granted := code.delegation
		granted.user = code.approvedBy
		return granted, nil
	}
	return delegation{}, refuse(70018, "")
}

// Approve is a user who enters a user code and signs in.
func (e *Entra) Approve(userCode, user string) error {
	return e.codes.decide(userCode, func(c *deviceCode) { c.approvedBy = user })
}

// Decline is a user who enters a user code and then says no.
func (e *Entra) Decline(userCode string) error {
	return e.codes.decide(userCode, func(c *deviceCode) { c.declined = true })
}

func (d *deviceCodes) decide(userCode string, decision func(*deviceCode)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, code := range d.codes {
		if code.user == userCode && !code.spent {
			decision(code)
			return nil
		}
	}
	return fmt.Errorf("no login waits with the code %s", userCode)
}
