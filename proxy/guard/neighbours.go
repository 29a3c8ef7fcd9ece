package guard

import "slices"

// maxNeighbours is how many addresses of one /64 are known as one account: more than a device takes in 30 days that changes
// its address every day. Whoever has an account has 2^64 addresses too, and could have all other pairs forgotten.
const maxNeighbours = 64

// noteNeighbour notes that a pair was verified just now. Beyond maxNeighbours the one verified longest ago is forgotten.
func (v *Verified) noteNeighbour(k pairKey) {
	network := k.source.Network()
	if network == k.source {
		return
	}
	key := pairKey{network, k.account}
	if all := v.neighbours[key]; len(all) > 0 && all[len(all)-1] == k.source {
		return
	}
	v.forgetNeighbour(k)
	all := append(v.neighbours[key], k.source)
	v.neighbours[key] = all
	if len(all) > maxNeighbours {
		v.pairs.Remove(pairKey{all[0], k.account}) // forgets it among the neighbours too
	}
}

func (v *Verified) forgetNeighbour(k pairKey) {
	key := pairKey{k.source.Network(), k.account}
	all := v.neighbours[key]
	i := slices.Index(all, k.source)
	if i < 0 {
		return
	}
	if len(all) == 1 {
		delete(v.neighbours, key)
		return
	}
	v.neighbours[key] = slices.Delete(all, i, i+1)
}
