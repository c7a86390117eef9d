package spending

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"gastown/town"
	"gastown/town/strict"
)

// Price is what a model costs, in US dollars for a million tokens. A kind without a price
// costs what Input costs, except that Output has to have one.
type Price struct {
	// Model is the name of a model, or the beginning of one and "*".
	Model  string   `yaml:"model" json:"model"`
	Input  *float64 `yaml:"input" json:"input"`
	Output *float64 `yaml:"output" json:"output"`
	// CacheRead and CacheWrite are for what came from a cache and what was put there.
	CacheRead  *float64 `yaml:"cache_read" json:"cache_read,omitempty"`
	CacheWrite *float64 `yaml:"cache_write" json:"cache_write,omitempty"`
}

// Of is the cost of tokens, in US dollars.
func (p Price) Of(u Usage) float64 {
	read, write := *p.Input, *p.Input
	if p.CacheRead != nil {
		read = *p.CacheRead
	}
	if p.CacheWrite != nil {
		write = *p.CacheWrite
	}
	return (float64(u.Input)**p.Input + float64(u.CacheRead)*read + float64(u.CacheWrite)*write + float64(u.Output)**p.Output) / 1e6
}

// maxPrice is more than a million tokens cost, in US dollars.
const maxPrice = 100_000

func (p Price) check() error {
	name := strings.TrimSuffix(p.Model, "*")
	if name != "" && !modelPattern.MatchString(name) || p.Model == "" || strings.Contains(name, "*") {
		return fmt.Errorf("%q is neither the name of a model nor the beginning of one and *", town.Clip(p.Model, 60))
	}
	if p.Input == nil || p.Output == nil {
		return fmt.Errorf("%s has no price for input or for output", p.Model)
	}
	for what, n := range map[string]*float64{"input": p.Input, "output": p.Output, "cache_read": p.CacheRead, "cache_write": p.CacheWrite} {
		if n != nil && (math.IsNaN(*n) || *n < 0 || *n > maxPrice) {
			return fmt.Errorf("%s: %s is not between 0 and %d dollars for a million tokens", p.Model, what, maxPrice)
		}
	}
	return nil
}

// Prices are what models cost. Those of a person come before the built-in ones.
type Prices struct{ own, builtin []Price }

// pricesFile is config/prices.yaml.
type pricesFile struct {
	Prices []Price `yaml:"prices"`
}

// MaxPrices bounds config/prices.yaml, in bytes.
const MaxPrices = 1 << 20

// ParsePrices reads config/prices.yaml. Empty data leaves the built-in prices. What is
// wrong is a town.ErrUsage that names the line.
func ParsePrices(data []byte) (Prices, error) {
	var f pricesFile
	err := strict.YAML(data, &f)
	if errors.Is(err, strict.ErrEmpty) {
		err = nil
	}
	for i, p := range f.Prices {
		if err != nil {
			break
		}
		err = p.check()
		for _, other := range f.Prices[:i] {
			if err == nil && other.Model == p.Model {
				err = fmt.Errorf("%s has two prices", p.Model)
			}
		}
	}
	if err != nil {
		return Prices{}, town.Fail("read config/prices.yaml", "correct the file; docs/costs.md has an example", "%w: %w", town.ErrUsage, err)
	}
	return Prices{own: f.Prices, builtin: builtinPrices}, nil
}

// Find is the price of a model: a person's before a built-in one, and of several the one
// with the longest name. A name such as maker/model is also looked for without its maker.
func (all Prices) Find(model string) (Price, bool) {
	for _, list := range [][]Price{all.own, all.builtin} {
		for name := model; ; {
			if p, ok := longest(list, name); ok {
				return p, true
			}
			_, rest, found := strings.Cut(name, "/")
			if !found {
				break
			}
			name = rest
		}
	}
	return Price{}, false
}

func longest(list []Price, model string) (best Price, ok bool) {
	for _, p := range list {
		begin, open := strings.CutSuffix(p.Model, "*")
		if p.Model == model {
			return p, true
		}
		if open && strings.HasPrefix(model, begin) && (!ok || len(p.Model) > len(best.Model)) {
			best, ok = p, true
		}
	}
	return best, ok
}

// All lists the prices in the order in which they are looked for.
func (all Prices) All() []Price { return append(append([]Price(nil), all.own...), all.builtin...) }

func price(model string, input, cacheWrite, cacheRead, output float64) Price {
	return Price{Model: model, Input: &input, Output: &output, CacheRead: &cacheRead, CacheWrite: &cacheWrite}
}

// builtinPrices are list prices as their makers published them, without discounts for
// batches and surcharges for long contexts. A model that is not here has no known price.
var builtinPrices = []Price{
	price("claude-opus-4-5*", 5, 6.25, 0.5, 25), price("claude-opus-4-6*", 5, 6.25, 0.5, 25),
	price("claude-opus-4-1*", 15, 18.75, 1.5, 75), price("claude-opus-4-0*", 15, 18.75, 1.5, 75), price("claude-opus-4-2025*", 15, 18.75, 1.5, 75),
	price("claude-sonnet-4*", 3, 3.75, 0.3, 15), price("claude-3-7-sonnet*", 3, 3.75, 0.3, 15), price("claude-3-5-sonnet*", 3, 3.75, 0.3, 15),
	price("claude-haiku-4-5*", 1, 1.25, 0.1, 5), price("claude-3-5-haiku*", 0.8, 1, 0.08, 4), price("claude-3-haiku*", 0.25, 0.3, 0.03, 1.25),
	price("gpt-5", 1.25, 1.25, 0.125, 10), price("gpt-5-2025*", 1.25, 1.25, 0.125, 10), price("gpt-5-codex", 1.25, 1.25, 0.125, 10), price("gpt-5.1*", 1.25, 1.25, 0.125, 10),
	price("gpt-5-mini*", 0.25, 0.25, 0.025, 2), price("gpt-5-nano*", 0.05, 0.05, 0.005, 0.4),
	price("gpt-4.1", 2, 2, 0.5, 8), price("gpt-4.1-mini*", 0.4, 0.4, 0.1, 1.6), price("gpt-4.1-nano*", 0.1, 0.1, 0.025, 0.4),
	price("o3", 2, 2, 0.5, 8), price("o4-mini*", 1.1, 1.1, 0.275, 4.4),
	price("gemini-2.5-pro*", 1.25, 1.25, 0.125, 10), price("gemini-2.5-flash", 0.3, 0.3, 0.03, 2.5), price("gemini-2.5-flash-lite*", 0.1, 0.1, 0.01, 0.4),
	price("gemini-3-pro*", 2, 2, 0.2, 12), price("gemini-3-flash*", 0.5, 0.5, 0.05, 3),
}
