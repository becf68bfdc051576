package stepcell

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"stepcell/internal/host"
)

// LevelTrace is for the finest detail: slog.Log(ctx, stepcell.LevelTrace, "...").
const LevelTrace = slog.LevelDebug - 4

func init() { slog.SetDefault(slog.New(logger{})) }

// logger writes records to the attempt's log; groups are objects in its fields.
type logger struct {
	groups []string
	bound  []bound
}

// bound is an attribute with the groups it is in.
type bound struct {
	groups []string
	attr   slog.Attr
}

func (logger) Enabled(context.Context, slog.Level) bool { return true }

func (l logger) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	return logger{append(l.groups[:len(l.groups):len(l.groups)], name), l.bound}
}

func (l logger) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := l.bound[:len(l.bound):len(l.bound)]
	for _, attr := range attrs {
		all = append(all, bound{l.groups, attr})
	}
	return logger{l.groups, all}
}

func (l logger) Handle(_ context.Context, record slog.Record) error {
	fields := map[string]any{}
	for _, bound := range l.bound {
		add(inside(fields, bound.groups), bound.attr)
	}
	record.Attrs(func(attr slog.Attr) bool {
		add(inside(fields, l.groups), attr)
		return true
	})
	text := ""
	if len(fields) > 0 {
		text, _ = encode(fields)
	}
	host.Log(level(record.Level), strings.ToValidUTF8(record.Message, "\ufffd"), text)
	return nil
}

func level(level slog.Level) uint8 {
	for at, below := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if level < below {
			return uint8(at)
		}
	}
	return 4
}

func inside(fields map[string]any, groups []string) map[string]any {
	for _, group := range groups {
		inner, ok := fields[group].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[group] = inner
		}
		fields = inner
	}
	return fields
}

func add(fields map[string]any, attr slog.Attr) {
	value := attr.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attr.Key != "" {
			fields = inside(fields, []string{attr.Key})
		}
		for _, attr := range value.Group() {
			add(fields, attr)
		}
		return
	}
	if attr.Key == "" {
		return
	}
	fields[attr.Key] = shown(value.Any())
}

// shown is a value as JSON can show it.
func shown(value any) any {
	switch value := value.(type) {
	case error:
		return value.Error()
	case fmt.Stringer:
		return value.String()
	}
	if _, err := encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return value
}
