package alert

import (
	"context"
	"errors"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"gastown/town/plugin"
)

// sender is a channel as Alertmanager's pipeline sees it.
type sender struct {
	engine  *Engine
	channel Channel
}

// SendResolved implements notify.ResolvedSender.
func (s *sender) SendResolved() bool { return !s.channel.Quiet }

// Notify implements notify.Notifier. A call that began is not cut off by a stop or by a
// change of the channels: what the other side has must be noted as told.
func (s *sender) Notify(ctx context.Context, alerts ...*amalert.Alert) notify.NotifyVerdict {
	if err := ctx.Err(); err != nil {
		return notify.Retry(0, err, notify.ContextCanceledReason)
	}
	err := s.engine.opts.Send(context.WithoutCancel(ctx), s.channel.Name, s.engine.message(alerts))
	if err == nil {
		return notify.Success()
	}
	if later, ok := errors.AsType[*plugin.Later](err); ok {
		return notify.Retry(time.Duration(later.Seconds*float64(time.Second)), err, notify.DefaultReason)
	}
	if errors.Is(err, plugin.ErrLate) {
		return notify.Retry(0, err, notify.ContextDeadlineExceededReason)
	}
	return notify.Unrecoverable(err, notify.DefaultReason)
}

// message makes the message about alerts of one group.
func (e *Engine) message(alerts []*amalert.Alert) Message {
	name := ""
	items := make([]Item, 0, len(alerts))
	now := time.Now()
	for _, a := range alerts {
		i := Item{Labels: map[string]string{}}
		for label, value := range a.Labels {
			switch label {
			case model.AlertNameLabel:
				i.Name, name = string(value), string(value)
			case labelSeverity:
				i.Severity = string(value)
			case labelSource:
			default:
				i.Labels[string(label)] = string(value)
			}
		}
		i.Summary = string(a.Annotations[noteSummary])
		i.Since = a.StartsAt.UTC()
		if since, err := time.Parse(time.RFC3339Nano, string(a.Annotations[noteSince])); err == nil {
			i.Since = since
		}
		if a.ResolvedAt(now) {
			i.Ended = a.EndsAt.UTC()
		}
		items = append(items, i)
	}
	return NewMessage(e.opts.Town, KeyOf(e.opts.ID, name), name, items)
}

// KeyOf is the key of the messages of a Town about a name.
func KeyOf(id, name string) string { return "gastown/" + id + "/" + name }
