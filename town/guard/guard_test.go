package guard

import (
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

func facts() Facts {
	return Facts{
		Agent: town.PolecatAddress("web", "nux"), Town: "/town", Sandbox: "/town/rigs/web/polecats/nux", Dir: "/town/rigs/web/polecats/nux",
		Bead: "web-a1", Branch: "polecat/nux/web-a1", Targets: []string{"main"}, Socket: "/town/.gt/tmux.sock", Home: "/house/ada", Temp: []string{"/tmp"},
		Current: func(dir string) string {
			if dir == "/town/rigs/web/polecats/nux" {
				return "polecat/nux/web-a1"
			}
			return "main"
		},
	}
}

// What a polecat may not do, in every way in which a shell can be told to do it.
func TestRefused(t *testing.T) {
	for rule, lines := range map[string][]string{
		"push to the target branch": {
			"git push origin main", "git push origin HEAD:main", "git push origin HEAD:refs/heads/main", "git  push   'origin' \"main\"", "git -C . push origin main",
			"git -c a=b push -u origin main", "cd x && git commit -m 'a; b' ; git push origin main", "(git push origin main)", "if true; then git push origin main; fi",
			"X=1 git push origin main", "env X=1 git push origin main", "sudo -u bob git push origin main", "timeout 5 git push origin main", "nohup git push origin main &",
			"bash -c 'git push origin main'", "bash -lc \"git push origin main\"", "echo $(git push origin main)", "echo `git push origin main`", "echo \"a $(git push origin main) b\"",
			"git push --all", "git push --mirror", "git push origin ma''in", `git push origin m\ain`, "git push origin x:main y", "true && git push origin main || true",
			"git push\\\n origin main", "eval 'git push' origin main", "bash <<EOF\ngit push origin main\nEOF", "sh <<< 'git push origin main'", "/usr/bin/git push origin main",
			"echo a | xargs git push origin main", "! git push origin main", "cd /town/rigs/web/polecats/ace && git push", "git push -o x origin main", "exec git push origin main",
			"for b in a b; do git push origin main; done", "while :; do git push origin main; done", "cat <(git push origin main)", "git push origin $'main'",
		},
		"forced push":                         {"git push --force", "git push -f origin x", "git push -uf origin x", "git push origin +x", "git push --force-with-lease origin polecat/ace/web-b", "git push --force=1 origin x"},
		"remove a branch of the remote":       {"git push origin --delete polecat/nux/web-a1", "git push -d origin x", "git push origin :x", "git push --prune origin x"},
		"remove sandboxes":                    {"git worktree remove .", "git worktree remove --force ../ace", "git worktree prune", "git -C /town/rigs/web/repo.git worktree prune"},
		"remove objects or stashes":           {"git prune", "git gc --prune=now", "git reflog expire --expire=now --all", "git stash clear"},
		"change the remotes":                  {"git remote set-url origin x", "git remote remove origin"},
		"change another working tree":         {"git -C ../ace reset --hard", "cd ../ace && git clean -xdf", "git -C /town/rigs/web/crew/ann checkout main"},
		"merge past the queue":                {"gh pr merge 7", "gh -R a/b pr merge 7 --squash", "glab mr merge"},
		"end sessions":                        {"tmux kill-server", "tmux kill-session -t x", "tmux -S /town/.gt/tmux.sock kill-server", "tmux list-sessions \\; kill-server", "tmux kill-ser", "tmux kill-pane -a"},
		"type into a session":                 {"tmux send-keys -t mayor hello Enter", "tmux send -t x y", "tmux paste-buffer -t x"},
		"give out or take away work":          {"gt sling web-b web", "gt polecat nuke ace", "gt --town /town sling x", "gt nuke x", "gt rig remove web", "gt worktree pool prune"},
		"change the Town":                     {"gt deacon stop", "gt config cache.ttl 3", "gt config set cache.ttl 3", "gt federation push", "gt install /x"},
		"close your own bead":                 {"bd close web-a1", "bd close web-a1 -r done", "bd close", "bd update web-a1 --status closed", "bd update web-a1 --status=closed", "bd update -s closed web-a1", "bd delete web-a1", "bd close web-b web-a1"},
		"end processes by name":               {"pkill -f node", "killall make"},
		"end every process":                   {"kill -9 -1", "kill -- -1"},
		"remove files outside of the sandbox": {"rm -rf /", "rm -rf /*", "rm -r ..", "rm -rf ../ace", "rm -fr ~", "rm -rf ~/x", "rm -rf $HOME", "rm -rf \"${HOME}/src\"", "cd / && rm -rf etc", "rm -rf /town/.gt", "rm -rf .git", "rm --recursive -f /house/ada", "rm -rf . ", "rm -rf /house/$USER", "find / -delete", "find .. -name x -exec rm -rf {} +", "find /etc -name x | xargs -n 1 sudo rm -rf /etc", "rm -rf -- ../ace", "rm -rf ../*", "rm -rf /tmp", "rm -rf $PWD"},
		"write outside of the sandbox": {"echo x > /town/config/town.yaml", "echo x >> ../ace/file", "cat a &> /town/.gt/x", "sed s/a/b/ f 2>/dev/null >/town/x",
			"echo x | tee /town/config/access.yaml", "tee -a ../ace/x", "touch ../ace/x", "cp x /town/config/access.yaml", "cp -t /town/.gt x", "cp --target-directory=/town/.gt x", "mv -f x ../ace/", "ln -sf x /town/.gt/secrets.env",
			"install -m 600 x /town/.gt/x", "sed -i s/a/b/ /town/config/access.yaml", "sed -i.bak -e s/a/b/ ../ace/x", "perl -pi -e s/a/b/ /town/x", "dd if=x of=/town/x", "truncate -s 0 /town/x", "sudo tee -- /town/x", "cd /town && cp /tmp/x config/access.yaml"},
		"change the tie to the repository": {"echo x > .git", "> .git/config"},
	} {
		for _, line := range lines {
			if v := facts().Line(line); v.Allowed || v.Rule != rule || v.Why == "" || v.Instead == "" {
				t.Errorf("%s: %+v, want %q", line, v, rule)
			}
		}
	}
}

// What is like it and allowed.
func TestAllowed(t *testing.T) {
	for _, line := range []string{
		"", "git push", "git push -u origin polecat/nux/web-a1", "git push origin HEAD", "git push --force-with-lease", "git push --force-with-lease origin polecat/nux/web-a1",
		"git commit -m 'git push origin main'", "echo git push origin main", "echo 'rm -rf /'", "git log main", "git fetch origin main && git rebase origin/main",
		"git worktree list", "git stash", "git gc", "git remote -v", "git -C sub reset --hard", "git checkout main -- file", "gh pr view 7",
		"tmux -L test kill-server", "tmux -S /tmp/x kill-server", "tmux list-sessions", "tmux capture-pane -p", "gt done", "gt mail send mayor/ -s 'gt sling' -m x", "gt status", "gt hook",
		"gt config list", "gt config cache.ttl", "gt federation status", "bd close web-a1.1", "bd close web-b", "bd update web-a1 --claim", "bd show web-a1", "bd close --help",
		"bd create 'close web-a1'", "kill 1234", "kill -9 1234", "rm -rf build", "rm -rf ./build *.o", "rm -rf /tmp/x", "rm -rf /tmp/*", "rm file", "rm -f /town/x", "rm -rf \"$DIR\"", "rm -rf $X/y",
		"cd /tmp && rm -rf x", "rm -rf /town/rigs/web/polecats/nux/build", "find . -name '*.o' -delete", "find . -type f -exec rm -rf {} \\;", "(cd / && ls); rm -rf build",
		"echo $((1 + 2)) > out", "cat <<'EOF' > notes\ngit push origin main\nrm -rf /\nEOF", "# git push origin main", "make 2>&1 | tee log", "ls # rm -rf /", "case x in a) ls;; esac",
		"echo x > /dev/null", "echo x > /house/ada/x", "cp /town/config/town.yaml .", "cp -r ../ace/src .", "mv a b", "ln -s /town/x here", "sed -n 1p /town/x", "sed s/i/j/ /town/x", "sed -i s/a/b/ f", "touch x /tmp/y", "tee log", "cp x", "dd if=/town/x of=y",
		"rsync -a /town/x/ x/", "printf '%s' \"$x\"", "git push origin feature/main", "pushd /tmp; rm -rf x; popd", "sudo ls", "xargs", "env", "bash script.sh",
	} {
		if v := facts().Line(line); !v.Allowed || v.Unclear != "" {
			t.Errorf("%s: %+v", line, v)
		}
	}
}

// What is not understood is allowed, and says so. What stands before it counts.
func TestUnclear(t *testing.T) {
	for _, line := range []string{"echo 'x", "echo \"x", "echo $(ls", "(ls", "echo `x", "echo ${x", strings.Repeat("(", 100) + "ls" + strings.Repeat(")", 100), strings.Repeat("x", maxLine+1)} {
		if v := facts().Line(line); !v.Allowed || v.Unclear == "" {
			t.Errorf("%.60s: %+v", line, v)
		}
	}
	if v := facts().Line("git push origin main; echo 'x"); v.Allowed {
		t.Errorf("%+v", v)
	}
}

func TestOthers(t *testing.T) {
	f := facts()
	f.Agent = town.Address{Kind: town.Crew, Rig: "web", Name: "ann"}
	for line, want := range map[string]bool{
		"git push origin main": true, "git push --force origin main": false, "gt sling web-a web": true, "tmux kill-server": false, "pkill x": false, "rm -rf ../x": true,
		"bd close web-a1": true, "echo > /town/x": true,
	} {
		if v := f.Line(line); v.Allowed != want {
			t.Errorf("%s: %+v", line, v)
		}
	}
	// Without knowing where the agent works, nothing is taken for outside of it.
	if v := (Facts{Agent: town.PolecatAddress("web", "nux")}).Line("rm -rf ../x; git push; bd close x; rm -rf ~"); !v.Allowed {
		t.Errorf("%+v", v)
	}
}

func TestWrite(t *testing.T) {
	for path, want := range map[string]bool{
		"src/x.go": true, "/town/rigs/web/polecats/nux/x": true, "../ace/x": false, "/town/config/rigs.yaml": false, "/tmp/x": true, ".git/hooks/pre-push": false, "/house/ada/.claude/plan": true,
	} {
		if v := facts().Write(path); v.Allowed != want {
			t.Errorf("%s: %+v", path, v)
		}
	}
}

// Each rule is told in whole: a reason and a way.
func TestRules(t *testing.T) {
	var names []string
	for _, r := range Rules {
		names = append(names, r.Name)
		if r.Why == "" || r.Instead == "" || strings.HasSuffix(r.Why, ".") || strings.HasSuffix(r.Instead, ".") || len(r.Programs) == 0 {
			t.Errorf("%+v", r)
		}
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(Rules) {
		t.Error("two rules have one name")
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"git push origin main", "a $(b `c` \"d\") <<E\nx\nE", "find . -exec rm {} \\;", "bash -c 'x' <<< y", "$'\\n' ${a} $((1)) &> x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		v := facts().Line(line)
		if v.Allowed != (v.Rule == "") {
			t.Errorf("%+v", v)
		}
	})
}
