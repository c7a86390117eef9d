package alerts

import (
	"context"
	"net/http"

	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/town"
	"gastown/town/alert"
)

// Control implements part.Controlled: POST /v1/alert-test proves a channel.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/alert-test", func(w http.ResponseWriter, r *http.Request) {
		var in control.AlertTest
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		out, err := p.test(r.Context(), in)
		control.Reply(w, out, err)
	})
}

func (p *Part) test(ctx context.Context, in control.AlertTest) (out control.AlertTested, err error) {
	name := town.Clip(in.Channel, 64)
	i, err := p.channel(name)
	if err != nil {
		return out, town.Fail("test the channel "+name, "gt plugin list, or look at deacon/plugins.yaml", "%w: %w", town.ErrUsage, err)
	}
	c := p.host.Config()
	answer, took, err := alert.Prove(ctx, i, alert.NewTest(c.Town.Name, alert.KeyOf(string(c.Town.ID), "test"), in.By, p.host.Now()))
	return control.AlertTested{Channel: i.Name(), Answer: answer, Took: took.Seconds()}, err
}
