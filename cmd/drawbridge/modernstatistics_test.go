package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// leastChance is the threshold of alike: samples that differ this much or more come from one distribution less often.
const leastChance = 0.001

// alike is the chance that two samples of one distribution differ at least as much as these do, by the stricter of two tests:
// Mann and Whitney's sees that one is later, Kolmogorov and Smirnov's that it has another form.
func alike(a, b []time.Duration) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return min(mannWhitney(a, b), kolmogorovSmirnov(a, b))
}

// mannWhitney is the two-sided chance of U in its normal approximation, good from 20 values each on. Both samples are sorted.
func mannWhitney(a, b []time.Duration) float64 {
	u := 0.0
	for _, x := range a {
		from, equal := slices.BinarySearch(b, x)
		to := from
		for equal && to < len(b) && b[to] == x {
			to++
		}
		u += float64(from) + float64(to-from)/2
	}
	n, m := float64(len(a)), float64(len(b))
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

// kolmogorovSmirnov is the chance of the largest distance between both distribution functions, by the limit of Smirnov's series with
// Stephens' correction. Both samples are sorted.
func kolmogorovSmirnov(a, b []time.Duration) float64 {
	n, m := float64(len(a)), float64(len(b))
	distance := 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		distance = max(distance, math.Abs(float64(i)/n-float64(j)/m))
	}
	root := math.Sqrt(n * m / (n + m))
	lambda := (root + 0.12 + 0.11/root) * distance
	if lambda < 0.3 { // the series converges slowly, and the chance is 1 to five places
		return 1
	}
	p, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		p += sign * 2 * math.Exp(-2*k*k*lambda*lambda)
		sign = -sign
	}
	return min(max(p, 0), 1)
}

// TestAlike has the statistic find what a login that answers sooner, later or less evenly would show, and nothing where nothing is.
func TestAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sample := func(shift, spread time.Duration) []time.Duration {
		s := make([]time.Duration, 200)
		for i := range s {
			s[i] = time.Second + shift + time.Duration(random.NormFloat64()*float64(spread))
		}
		return s
	}
	const usual = 1500 * time.Microsecond
	for _, c := range []struct {
		name          string
		shift, spread time.Duration
	}{
		{"one millisecond sooner", -time.Millisecond, usual},
		{"one millisecond later", time.Millisecond, usual},
		{"at once", -time.Second, usual},
		{"less evenly", 0, 3 * usual},
		{"more evenly", 0, usual / 3},
	} {
		if p := alike(sample(0, usual), sample(c.shift, c.spread)); p > leastChance {
			t.Errorf("%s: p is %.5f, want it found", c.name, p)
		}
	}
	found := 0
	const runs = 500
	for range runs {
		if alike(sample(0, usual), sample(0, usual)) <= 0.05 {
			found++
		}
	}
	// Two tests at 5 % that agree often find something in 5 to 10 % of runs.
	if found < runs*3/100 || found > runs*12/100 {
		t.Errorf("samples of one distribution differ at p=0.05 in %d of %d runs, want 5 to 10 %%", found, runs)
	}
}

// TestAlike_KnownValues compares with what was computed by hand.
func TestAlike_KnownValues(t *testing.T) {
	var a, b []time.Duration
	for i := range 20 {
		a, b = append(a, time.Duration(2*i)), append(b, time.Duration(2*i+11))
	}
	// U counts the pairs with b below a: the sum of max(0, i-5) for i from 6 to 19 is 105, sigma is 36.97.
	if got, want := mannWhitney(a, b), math.Erfc((200-105)/math.Sqrt(400*41/12.0)/math.Sqrt2); math.Abs(got-want) > 1e-9 {
		t.Errorf("Mann-Whitney: p is %.6f, want %.6f", got, want)
	}
	// The largest distance is 6/20, so that lambda is 0.995, and the series is 2*(exp(-1.98) - exp(-7.92)).
	if got := kolmogorovSmirnov(a, b); math.Abs(got-0.275) > 0.01 {
		t.Errorf("Kolmogorov-Smirnov: p is %.4f, want 0.275", got)
	}
}
