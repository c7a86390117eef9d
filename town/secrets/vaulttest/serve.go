package vaulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	sent := map[string]any{}
	_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&sent) // most have no body
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+path)
	state := s.state
	s.mu.Unlock()
	switch state {
	case Hanging:
		<-r.Context().Done()
		return
	case Sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		return
	case Leaderless:
		refuse(w, http.StatusInternalServerError, "local node not active but active cluster node not found")
		return
	case Standby:
		w.Header().Set("Location", s.Leader+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if s.namespace != r.Header.Get(namespaceKey) {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	if name, ok := strings.CutPrefix(path, "auth/"); ok && strings.HasSuffix(name, "/login") {
		s.logIn(w, strings.TrimSuffix(name, "/login"), sent)
		return
	}
	id := r.Header.Get("X-Vault-Token")
	t := s.tokens[id]
	if t == nil {
		refuse(w, http.StatusForbidden, "permission denied", "invalid token")
		return
	}
	for _, prefix := range s.failing {
		if strings.HasPrefix(path, prefix) {
			refuse(w, http.StatusInternalServerError, "1 error occurred:\n\t* internal error\n\n")
			return
		}
	}
	for _, prefix := range s.denied {
		if strings.HasPrefix(path, prefix) {
			refuse(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
			return
		}
	}
	switch mount, below, _ := strings.Cut(path, "/"); {
	case strings.HasPrefix(path, "auth/token/"):
		s.ofToken(w, strings.TrimPrefix(path, "auth/token/"), id, t)
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		s.mountOf(w, strings.TrimPrefix(path, "sys/internal/ui/mounts/"))
	case strings.HasPrefix(path, "sys/leases/"):
		s.ofLease(w, strings.TrimPrefix(path, "sys/leases/"), sent)
	case mount == "database" && strings.HasPrefix(below, "creds/"):
		s.credentials(w, path, id)
	case s.kv[mount].version == 2:
		s.read2(w, mount, below)
	case s.kv[mount].version == 1:
		s.read1(w, mount, below)
	default:
		refuse(w, http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	}
}

func (s *Server) logIn(w http.ResponseWriter, method string, sent map[string]any) {
	switch method {
	case "approle":
		if sent["role_id"] != RoleID || sent["secret_id"] != SecretID {
			refuse(w, http.StatusBadRequest, "invalid role or secret ID")
			return
		}
	case "kubernetes":
		if sent["role"] != PodRole {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("invalid role name %q", sent["role"]))
			return
		}
		if sent["jwt"] != PodToken {
			refuse(w, http.StatusForbidden, "permission denied")
			return
		}
	default:
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	id := s.newToken()
	out := body(nil)
	out["auth"] = s.auth(id, s.tokens[id])
	answer(w, http.StatusOK, out)
}

func (s *Server) auth(id string, t *token) map[string]any {
	return map[string]any{
		"client_token": id, "accessor": "accessor-of-it", "policies": []string{"default", "gastown"}, "token_policies": []string{"default", "gastown"},
		"metadata": nil, "lease_duration": whole(t.ttl), "renewable": t.renewable, "entity_id": "", "token_type": "service", "orphan": true,
	}
}

func (s *Server) ofToken(w http.ResponseWriter, what, id string, t *token) {
	switch what {
	case "lookup-self":
		ttl, expires := 0, any(nil)
		if t.ttl > 0 {
			end := t.renewed.Add(t.ttl)
			ttl, expires = whole(end.Sub(s.now)), end.Format("2006-01-02T15:04:05.999999999Z07:00")
		}
		answer(w, http.StatusOK, body(map[string]any{
			"accessor": "accessor-of-it", "creation_time": t.made.Unix(), "creation_ttl": whole(t.ttl), "display_name": "token", "entity_id": "",
			"expire_time": expires, "explicit_max_ttl": 0, "id": id, "meta": nil, "num_uses": 0, "orphan": true, "path": "auth/token/create",
			"policies": []string{"default", "gastown"}, "renewable": t.renewable, "ttl": ttl, "type": "service",
		}))
	case "renew-self":
		if !t.renewable {
			refuse(w, http.StatusBadRequest, "lease is not renewable")
			return
		}
		t.ttl = s.left(t.made, t.ttl, t.max)
		t.renewed = s.now
		out := body(nil)
		out["auth"] = s.auth(id, t)
		answer(w, http.StatusOK, out)
	case "revoke-self":
		delete(s.tokens, id)
		s.expire()
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "unsupported path")
	}
}

// mountOf answers which engine has a path.
func (s *Server) mountOf(w http.ResponseWriter, path string) {
	mount, _, _ := strings.Cut(path, "/")
	e, ok := s.kv[mount]
	if !ok {
		refuse(w, http.StatusForbidden, "preflight capability check returned 403, please ensure client's policies grant access to path \""+path+"/\"")
		return
	}
	data := map[string]any{"accessor": "kv_1", "path": mount + "/", "type": "kv", "options": nil, "local": false}
	if e.version == 2 {
		data["options"] = map[string]any{"version": "2"}
	}
	answer(w, http.StatusOK, body(data))
}

func (s *Server) read1(w http.ResponseWriter, mount, below string) {
	at := s.kv[mount].secrets[below]
	if at == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	out := body(at.fields)
	out["lease_duration"] = 2764800 // how often to look again: there is no lease
	answer(w, http.StatusOK, out)
}

func (s *Server) read2(w http.ResponseWriter, mount, below string) {
	name, ok := strings.CutPrefix(below, "data/")
	if !ok {
		out := body(nil)
		out["warnings"] = []string{"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation."}
		answer(w, http.StatusNotFound, out)
		return
	}
	at := s.kv[mount].secrets[name]
	if at == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	metadata := map[string]any{"created_time": createdTime, "custom_metadata": nil, "deletion_time": "", "destroyed": false, "version": at.version}
	if at.deleted {
		metadata["deletion_time"] = createdTime
		answer(w, http.StatusNotFound, body(map[string]any{"data": nil, "metadata": metadata}))
		return
	}
	answer(w, http.StatusOK, body(map[string]any{"data": at.fields, "metadata": metadata}))
}

// credentials makes a user of a database.
func (s *Server) credentials(w http.ResponseWriter, path, id string) {
	s.serial++
	name, password := fmt.Sprintf("v-token-gastown-%06d", s.serial), fmt.Sprintf("A1a-%06d-password", s.serial)
	s.issued = append(s.issued, password)
	out := body(map[string]any{"username": name, "password": password})
	lid := fmt.Sprintf("%s/%06d", path, s.serial)
	s.leases[lid] = &lease{made: s.now, renewed: s.now, ttl: s.ttl, max: s.max, token: id}
	out["lease_id"], out["lease_duration"], out["renewable"] = lid, whole(s.ttl), s.renewable
	answer(w, http.StatusOK, out)
}

func (s *Server) ofLease(w http.ResponseWriter, what string, sent map[string]any) {
	id, _ := sent["lease_id"].(string)
	l := s.leases[id]
	switch {
	case l == nil && what == "revoke":
		w.WriteHeader(http.StatusNoContent)
	case l == nil:
		refuse(w, http.StatusBadRequest, "lease not found")
	case what == "renew":
		l.ttl = s.left(l.made, l.ttl, l.max)
		l.renewed = s.now
		out := body(nil)
		out["lease_id"], out["lease_duration"], out["renewable"] = id, whole(l.ttl), true
		answer(w, http.StatusOK, out)
	case what == "revoke":
		delete(s.leases, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "unsupported path")
	}
}
