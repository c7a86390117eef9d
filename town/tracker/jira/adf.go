package jira

import (
	"encoding/json"
	"strings"
)

// node is a node of the Atlassian Document Format, in which Jira has its texts.
type node struct {
	Type    string         `json:"type"`
	Version int            `json:"version,omitempty"`
	Text    string         `json:"text,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Content []node         `json:"content,omitempty"`
}

// document makes a document of a text in Markdown. Blank lines part paragraphs; headings
// and fenced code become what they are. All else stays as it is written.
func document(text string) node {
	doc := node{Type: "doc", Version: 1}
	var open, code []string
	fenced := false
	end := func() {
		if len(open) > 0 {
			doc.Content = append(doc.Content, paragraph(open))
		}
		open = nil
	}
	block := func() {
		if body := strings.Join(code, "\n"); strings.TrimSpace(body) != "" {
			doc.Content = append(doc.Content, node{Type: "codeBlock", Content: []node{{Type: "text", Text: body}}})
		}
		code, fenced = nil, false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		level := len(line) - len(strings.TrimLeft(line, "#"))
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```") && fenced:
			block()
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			end()
			fenced = true
		case fenced:
			code = append(code, line)
		case strings.TrimSpace(line) == "":
			end()
		case level >= 1 && level <= 6 && strings.HasPrefix(line[level:], " ") && strings.TrimSpace(line[level:]) != "":
			end()
			doc.Content = append(doc.Content, node{Type: "heading", Attrs: map[string]any{"level": level},
				Content: []node{{Type: "text", Text: strings.TrimSpace(line[level:])}}})
		default:
			open = append(open, line)
		}
	}
	block() // a fence that nobody closed
	end()
	if doc.Content == nil {
		doc.Content = []node{}
	}
	return doc
}

// MarshalJSON writes an empty document with its content, which Jira requires.
func (n node) MarshalJSON() ([]byte, error) {
	type plainNode node
	if n.Type == "doc" && len(n.Content) == 0 {
		return []byte(`{"type":"doc","version":1,"content":[]}`), nil
	}
	return json.Marshal(plainNode(n))
}

func paragraph(lines []string) node {
	p := node{Type: "paragraph"}
	for i, line := range lines {
		if i > 0 {
			p.Content = append(p.Content, node{Type: "hardBreak"})
		}
		p.Content = append(p.Content, node{Type: "text", Text: line})
	}
	return p
}

// maxDepth is how deep the nodes of a document are read.
const maxDepth = 40

// plain is the text of a document. What is not understood is left out.
func plain(document json.RawMessage) string {
	var text string
	if json.Unmarshal(document, &text) == nil { // sites of older versions have texts
		return text
	}
	var doc node
	if json.Unmarshal(document, &doc) != nil {
		return ""
	}
	var out strings.Builder
	write(&out, doc, 0, "")
	return strings.TrimSpace(out.String())
}

func write(out *strings.Builder, n node, depth int, before string) {
	if depth > maxDepth {
		return
	}
	below := func(before string) {
		for _, c := range n.Content {
			write(out, c, depth+1, before)
		}
	}
	attr := func(key string) string { s, _ := n.Attrs[key].(string); return s }
	switch n.Type {
	case "text":
		out.WriteString(n.Text)
	case "hardBreak":
		out.WriteString("\n")
	case "mention", "emoji", "status", "date":
		out.WriteString(attr("text"))
	case "inlineCard", "blockCard":
		out.WriteString(attr("url"))
	case "heading":
		level, _ := n.Attrs["level"].(float64)
		out.WriteString(strings.Repeat("#", min(max(int(level), 1), 6)) + " ")
		below("")
		out.WriteString("\n\n")
	case "codeBlock":
		out.WriteString("```\n")
		below("")
		out.WriteString("\n```\n\n")
	case "paragraph", "tableRow":
		below("")
		if before == "" {
			out.WriteString("\n")
		}
		out.WriteString("\n")
	case "listItem":
		out.WriteString(before)
		below("- ")
	case "bulletList", "orderedList", "taskList":
		below("- ")
		out.WriteString("\n")
	case "tableCell", "tableHeader":
		below("- ")
		out.WriteString(" | ")
	default:
		below(before)
	}
}
