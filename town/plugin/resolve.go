package plugin

import (
	"context"
	"maps"
	"slices"

	"gastown/town/secrets"
)

// resolve copies a value of a config with its references resolved.
func (s *Set) resolve(ctx context.Context, v any, values secrets.Values) (any, error) {
	switch v := v.(type) {
	case string:
		if s.opts.Secrets == nil {
			return secrets.New().Expand(ctx, v, values)
		}
		return s.opts.Secrets.Expand(ctx, v, values)
	case map[string]interface{}:
		out := make(map[string]interface{}, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			below, err := s.resolve(ctx, v[k], values)
			if err != nil {
				return nil, err
			}
			out[k] = below
		}
		return out, nil
	case []interface{}:
		out := make([]interface{}, len(v))
		for i, one := range v {
			below, err := s.resolve(ctx, one, values)
			if err != nil {
				return nil, err
			}
			out[i] = below
		}
		return out, nil
	}
	return v, nil
}
