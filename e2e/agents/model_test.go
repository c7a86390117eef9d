package agents

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/town/spending"
)

// model is a server that answers as the makers' servers of language models do, as far
// as the programs here need it. It thinks for a while, and runs the command of a
// message that begins with "RUN ".
type model struct {
	mu sync.Mutex
	// said are the messages of the person in the longest conversation that was seen.
	said []string
	// last is the newest message of the person in any conversation.
	last string
	// ran are the commands that were asked for, tools the last request's.
	ran   []string
	tools []string
	// asked are the requests, as METHOD path.
	asked []string
	// thinks is how long an answer takes. While held is not nil each waits until it is closed.
	thinks time.Duration
	held   chan struct{}
	// task is the command for a message that says what an agent's work is; "" for none.
	task string
	// answers counts the answers. used is what those of the conversation used, as they
	// said: not that of a title, for example.
	answers int
	used    spending.Usage
	// sums are what used was after each answer of the conversation.
	sums []spending.Usage
}

// use gives the next answer its number and what it used, which is unlike that of others.
// Only some protocols tell of what was put into a cache.
func (m *model) use(conversation, cacheWrite bool) (number int64, u spending.Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers++
	number = int64(m.answers)
	u = spending.Usage{Input: 1000 + number, CacheRead: 20_000 + 3*number, Output: 40 + 7*number}
	if cacheWrite {
		u.CacheWrite = 300 + 5*number
	}
	if conversation {
		m.used = m.used.Add(u)
		m.sums = append(m.sums, m.used)
	}
	return number, u
}

// hold keeps answers back until release.
func (m *model) hold() (release func()) {
	held := make(chan struct{})
	m.mu.Lock()
	m.held = held
	m.mu.Unlock()
	return sync.OnceFunc(func() {
		m.mu.Lock()
		m.held = nil
		m.mu.Unlock()
		close(held)
	})
}

// turn is what matters in a request.
type turn struct {
	// said are the messages of the person; tool says that the last item is a tool's
	// result. tools are the names that can be called.
	said  []string
	tool  bool
	tools []string
}

// reply is the answer: text, or a call of the tool with the command.
type reply struct{ text, tool, command string }

// shells are the tools that run a command, by the name of their argument.
var shells = map[string]string{
	"exec_command": "cmd", "shell_command": "command", "shell": "command", "bash": "command", "Bash": "command", "run_shell_command": "command",
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	m.mu.Lock()
	m.asked = append(m.asked, r.Method+" "+r.URL.Path)
	m.mu.Unlock()
	if err != nil || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/responses"):
		m.responses(w, body)
	case strings.HasSuffix(path, "/chat/completions"):
		m.completions(w, body)
	case strings.HasSuffix(path, "/messages"):
		m.messages(w, body)
	case strings.Contains(path, "enerateContent"):
		m.gemini(w, body, strings.Contains(path, "stream"))
	case strings.HasSuffix(path, "ountTokens"), strings.HasSuffix(path, "/count_tokens"):
		fmt.Fprint(w, `{"totalTokens":1,"input_tokens":1}`)
	default:
		http.NotFound(w, r)
	}
}

// answer notes a turn and decides what to say.
func (m *model) answer(t turn) reply {
	t.said = slices.DeleteFunc(t.said, func(s string) bool { return ownText(s) })
	last := ""
	if len(t.said) > 0 {
		last = t.said[len(t.said)-1]
	}
	m.mu.Lock()
	if last != "" {
		m.last = last
	}
	if len(t.said) > len(m.said) {
		m.said = t.said
	}
	if len(t.tools) > 0 {
		m.tools = t.tools
	}
	think, held := m.thinks, m.held
	m.mu.Unlock()
	time.Sleep(think)
	if held != nil {
		<-held
	}
	command, ok := strings.CutPrefix(last, "RUN ")
	if m.task != "" && strings.Contains(last, "gt hook") {
		command, ok = m.task, true
	}
	if ok && !t.tool {
		for _, name := range t.tools {
			if shells[name] != "" {
				m.mu.Lock()
				m.ran = append(m.ran, command)
				m.mu.Unlock()
				return reply{tool: name, command: strings.TrimSpace(command)}
			}
		}
	}
	return reply{text: "It is done."}
}

// ownText reports whether a text is the program's own and not a person's.
func ownText(s string) bool {
	for _, begin := range []string{"<environment_context>", "Generate a concise", "Generate a title", "<system-reminder>", "# AGENTS.md", "<user_instructions>",
		"This is the Gemini CLI", "<session_context>", "<permissions", "Please write a 5-10 word title"} {
		if strings.HasPrefix(strings.TrimSpace(s), begin) {
			return true
		}
	}
	return s == ""
}

func arguments(r reply) string {
	text, _ := json.Marshal(map[string]any{shells[r.tool]: r.command, "description": "run it"})
	return string(text)
}

// events begins an answer of server-sent events.
func events(w http.ResponseWriter) func(name string, value any) {
	w.Header().Set("Content-Type", "text/event-stream")
	return func(name string, value any) {
		text, _ := json.Marshal(value)
		if name != "" {
			fmt.Fprintf(w, "event: %s\n", name)
		}
		fmt.Fprintf(w, "data: %s\n\n", text)
		w.(http.Flusher).Flush()
	}
}

type object = map[string]any

// pasted is what claude puts around a long paste.
var pasted = regexp.MustCompile(`\s*</?pasted_content[^>]*>\s*`)

// content is text, or a list of parts with text.
type content string

func (c *content) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*c = content(s)
		return nil
	}
	var parts []struct{ Text string }
	if json.Unmarshal(data, &parts) == nil {
		for _, p := range parts {
			if !ownText(p.Text) {
				*c += content(pasted.ReplaceAllString(p.Text, ""))
			}
		}
	}
	return nil
}

// responses is the protocol of codex.
func (m *model) responses(w http.ResponseWriter, body []byte) {
	var in struct {
		Input []struct {
			Type, Role string
			Content    content
		}
		Tools []struct{ Name, Type string }
	}
	_ = json.Unmarshal(body, &in)
	var t turn
	for _, i := range in.Input {
		if i.Role == "user" {
			t.said = append(t.said, string(i.Content))
		}
		t.tool = strings.HasSuffix(i.Type, "_output")
	}
	for _, x := range in.Tools {
		t.tools = append(t.tools, x.Name)
	}
	emit := events(w)
	send := func(v object) { emit(v["type"].(string), v) }
	send(object{"type": "response.created", "response": object{"id": "r"}})
	r := m.answer(t)
	n, u := m.use(len(t.tools) > 0, false)
	item := object{"type": "message", "role": "assistant", "id": fmt.Sprint("m", n), "content": []object{{"type": "output_text", "text": r.text}}}
	if r.tool != "" {
		item = object{"type": "function_call", "name": r.tool, "arguments": arguments(r), "call_id": "c", "id": "f"}
	}
	send(object{"type": "response.output_item.done", "item": item})
	send(object{"type": "response.completed", "response": object{"id": fmt.Sprint("resp_", n), "usage": object{
		"input_tokens": u.Input + u.CacheRead, "input_tokens_details": object{"cached_tokens": u.CacheRead},
		"output_tokens": u.Output, "output_tokens_details": object{"reasoning_tokens": u.Output / 2}, "total_tokens": u.Input + u.CacheRead + u.Output}}})
}

// completions is the protocol of opencode's compatible providers.
func (m *model) completions(w http.ResponseWriter, body []byte) {
	var in struct {
		Messages []struct {
			Role    string
			Content content
		}
		Tools []struct{ Function struct{ Name string } }
	}
	_ = json.Unmarshal(body, &in)
	var t turn
	for _, i := range in.Messages {
		if i.Role == "user" {
			t.said = append(t.said, string(i.Content))
		}
		t.tool = i.Role == "tool"
	}
	for _, x := range in.Tools {
		t.tools = append(t.tools, x.Function.Name)
	}
	r := m.answer(t)
	_, u := m.use(len(t.tools) > 0, false)
	emit := events(w)
	delta, finish := object{"role": "assistant", "content": r.text}, "stop"
	if r.tool != "" {
		delta = object{"role": "assistant", "tool_calls": []object{{"index": 0, "id": "c", "type": "function", "function": object{"name": r.tool, "arguments": arguments(r)}}}}
		finish = "tool_calls"
	}
	emit("", object{"id": "x", "object": "chat.completion.chunk", "choices": []object{{"index": 0, "delta": delta}}})
	emit("", object{"id": "x", "object": "chat.completion.chunk", "choices": []object{{"index": 0, "delta": object{}, "finish_reason": finish}},
		"usage": object{"prompt_tokens": u.Input + u.CacheRead, "prompt_tokens_details": object{"cached_tokens": u.CacheRead},
			"completion_tokens": u.Output, "completion_tokens_details": object{"reasoning_tokens": u.Output / 2}, "total_tokens": u.Input + u.CacheRead + u.Output}})
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// messages is the protocol of claude.
func (m *model) messages(w http.ResponseWriter, body []byte) {
	var in struct {
		Stream   bool
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
		Tools []struct{ Name string }
	}
	_ = json.Unmarshal(body, &in)
	var t turn
	for _, i := range in.Messages {
		var c content
		_ = json.Unmarshal(i.Content, &c)
		if i.Role == "user" && c != "" {
			t.said = append(t.said, string(c))
		}
		t.tool = strings.Contains(string(i.Content), `"tool_result"`)
	}
	for _, x := range in.Tools {
		t.tools = append(t.tools, x.Name)
	}
	if len(t.tools) == 0 { // a title, or the like
		t.said = nil
	}
	r := m.answer(t)
	n, u := m.use(len(t.tools) > 0, true)
	id := fmt.Sprint("msg_", n)
	first := object{"input_tokens": u.Input, "cache_read_input_tokens": u.CacheRead, "cache_creation_input_tokens": u.CacheWrite, "output_tokens": 1}
	usage := object{"input_tokens": u.Input, "cache_read_input_tokens": u.CacheRead, "cache_creation_input_tokens": u.CacheWrite, "output_tokens": u.Output}
	block, stop := object{"type": "text", "text": r.text}, "end_turn"
	if r.tool != "" {
		block, stop = object{"type": "tool_use", "id": "toolu_1", "name": r.tool, "input": json.RawMessage(arguments(r))}, "tool_use"
	}
	message := object{"id": id, "type": "message", "role": "assistant", "model": "stub", "content": []object{block}, "stop_reason": stop, "usage": usage}
	if !in.Stream {
		_ = json.NewEncoder(w).Encode(message)
		return
	}
	emit := events(w)
	emit("message_start", object{"type": "message_start", "message": object{"id": id, "type": "message", "role": "assistant", "model": "stub", "content": []any{}, "usage": first}})
	begin, delta := object{"type": "text", "text": ""}, object{"type": "text_delta", "text": r.text}
	if r.tool != "" {
		begin = object{"type": "tool_use", "id": "toolu_1", "name": r.tool, "input": object{}}
		delta = object{"type": "input_json_delta", "partial_json": arguments(r)}
	}
	emit("content_block_start", object{"type": "content_block_start", "index": 0, "content_block": begin})
	emit("content_block_delta", object{"type": "content_block_delta", "index": 0, "delta": delta})
	emit("content_block_stop", object{"type": "content_block_stop", "index": 0})
	emit("message_delta", object{"type": "message_delta", "delta": object{"stop_reason": stop}, "usage": usage})
	emit("message_stop", object{"type": "message_stop"})
}

// gemini is the protocol of gemini.
func (m *model) gemini(w http.ResponseWriter, body []byte, stream bool) {
	var in struct {
		Contents []struct {
			Role  string
			Parts []struct {
				Text             string
				FunctionResponse json.RawMessage
			}
		}
		Tools []struct {
			FunctionDeclarations []struct{ Name string }
		}
	}
	_ = json.Unmarshal(body, &in)
	var t turn
	for _, i := range in.Contents {
		text := ""
		t.tool = false
		for _, p := range i.Parts {
			if !ownText(p.Text) {
				text += p.Text
			}
			t.tool = t.tool || p.FunctionResponse != nil
		}
		if i.Role == "user" && text != "" {
			t.said = append(t.said, text)
		}
	}
	for _, x := range in.Tools {
		for _, f := range x.FunctionDeclarations {
			t.tools = append(t.tools, f.Name)
		}
	}
	if len(t.tools) == 0 {
		t.said = nil
	}
	r := m.answer(t)
	_, u := m.use(len(t.tools) > 0, false)
	part := object{"text": r.text}
	if r.tool != "" {
		part = object{"functionCall": object{"name": r.tool, "args": json.RawMessage(arguments(r))}}
	}
	out := object{"candidates": []object{{"content": object{"role": "model", "parts": []object{part}}, "finishReason": "STOP", "index": 0}},
		"usageMetadata": object{"promptTokenCount": u.Input + u.CacheRead, "cachedContentTokenCount": u.CacheRead,
			"candidatesTokenCount": u.Output - u.Output/2, "thoughtsTokenCount": u.Output / 2, "totalTokenCount": u.Input + u.CacheRead + u.Output}}
	if !stream {
		_ = json.NewEncoder(w).Encode(out)
		return
	}
	events(w)("", out)
}
