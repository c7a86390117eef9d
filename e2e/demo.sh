#!/usr/bin/env bash
# An agent works on a bead, as README.md tells it. Then two Towns and a Git repository
# meet, disagree and agree again. The directory stays for you to look around; DEMO_DIR
# names an empty or new one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${GT_TEST_BIN:-$here/bin}
[ -x "$bin/gt" ] || { echo "demo: bin/gt is missing; run: make demo" >&2; exit 1; }
PATH=$bin:$PATH

# The environment and configuration of the caller have no effect.
unset GT_ROOT GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE VISUAL EDITOR
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

if [ -n "${DEMO_DIR:-}" ]; then
  mkdir -p "$DEMO_DIR"
  dir=$(cd "$DEMO_DIR" && pwd)
  [ -z "$(ls -A "$dir")" ] || { echo "demo: $dir is not empty; choose another DEMO_DIR" >&2; exit 1; }
else
  dir=$(mktemp -d "${TMPDIR:-/tmp}/gt-demo.XXXXXX")
fi
cd "$dir"
trap 'status=$?; [ "$status" -eq 0 ] || echo "demo: FAILED with exit $status; look in $dir" >&2' EXIT
began=$SECONDS

title() { printf '\n=== %s\n' "$*"; }
# run prints a command as a person would type it, and runs it. expect CODE does the same
# for a command that ends with that exit code.
run() { expect 0 "$@"; }
expect() {
  local want=$1 got=0 word line=
  shift
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./:@=-]*) line+=" '$word'" ;; *) line+=" $word" ;; esac
  done
  printf '\n$%s\n' "$line"
  "$@" 2>&1 || got=$?
  [ "$got" -eq "$want" ] || { echo "demo: exit $got, expected $want" >&2; exit 1; }
}
# edit changes one line of a file and prints the command.
edit() {
  local file=$1 from=$2 to=$3
  grep -q "$from" "$file" || { echo "demo: $file has no line with: $from" >&2; exit 1; }
  printf '\n# %s: %s\n' "$file" "$to"
  sed -i "s|$from|$to|" "$file"
}
add() { printf '\n# %s: + %s\n' "$1" "$2"; printf '%s\n' "$2" >>"$1"; }
as() { export GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$2 GIT_COMMITTER_NAME=$1 GIT_COMMITTER_EMAIL=$2; }
must() { "$@" >/dev/null || { echo "demo: not as expected: $*" >&2; exit 1; }; }

if command -v tmux >/dev/null; then
  title "A scripted agent works on a bead: the lines of README.md"
  as Ada ada@alpha.example
  mkdir tour
  sed -n '/^## Two minutes/,/^`gt rig add`/s/^    //p' "$here/README.md" >tour/lines.sh
  must test -s tour/lines.sh
  (
    cd tour
    trap 'gt --town town deacon stop; gt --town town polecat nuke web/amber' EXIT >/dev/null 2>&1
    timeout 60 bash -ev lines.sh </dev/null 2>&1
  )
  must test "$(git -C tour/web.git show main:hello.txt)" = hello
else
  title "Left out, because tmux is not installed: a scripted agent works on a bead"
fi

title "A Git repository, and two Towns that know nothing of each other"
as Ada ada@alpha.example
run git init -q --bare hub.git
run gt install alpha
as Ben ben@beta.example
run gt install beta

title "Alpha publishes its roles, formulas and templates. First it shows what would leave"
as Ada ada@alpha.example
expect 5 gt --town alpha federation init hub.git
run gt --town alpha federation init hub.git --yes

title "Beta joins"
as Ben ben@beta.example
run gt --town beta federation join hub.git --yes
run gt --town beta federation towns

title "Both change the same role, the same formula and the same template"
edit alpha/federation/roles/mayor.md '^description: .*' 'description: Plans the day and hands it over at dusk'
edit alpha/federation/formulas/release.formula.toml '^version = .*' 'version = "1.1.0"'
add alpha/federation/templates/handoff.md '- Alpha asks: who was told?'
edit beta/federation/roles/mayor.md '^description: .*' 'description: Plans the week and writes it down'
edit beta/federation/formulas/release.formula.toml '^version = .*' 'version = "1.2.0"'
add beta/federation/templates/handoff.md '- Beta asks: what is next?'
run gt --town beta federation status
run gt --town beta federation diff role/mayor

title "Alpha is first"
as Ada ada@alpha.example
run gt --town alpha federation sync

title "Beta comes second: the formula's higher version wins, both templates are kept, the role awaits a person"
as Ben ben@beta.example
expect 3 gt --town beta federation sync
run gt --town beta federation conflicts

title "Any Town may review: Ada looks at both texts, and takes Ben's"
as Ada ada@alpha.example
expect 3 gt --town alpha federation sync
printf '\n$ gt --town alpha federation conflicts show mayor    # shortened: the merge of the three texts\n'
gt --town alpha federation conflicts show mayor >review.txt
sed -n -e '1,3p' -e '/^<<<<<<< ours$/,/^>>>>>>> theirs$/p' review.txt
run gt --town alpha federation conflicts resolve mayor --ours
run gt --town alpha federation sync

title "Beta hears of it, and both are equal, byte for byte"
as Ben ben@beta.example
run gt --town beta federation sync
run diff -r alpha/federation beta/federation
for town in alpha beta; do
  must grep -x 'description: Plans the week and writes it down' $town/federation/roles/mayor.md
  must grep -x 'version = "1.2.0"' $town/federation/formulas/release.formula.toml
  must grep -x -e '- Beta asks: what is next?' $town/federation/templates/handoff.md
  must test -z "$(gt --town $town federation status --short | grep -v '^## origin ahead 0 behind 0$')"
done
echo "equal: $(find alpha/federation -type f | wc -l) files"

title "Nothing was lost: what gave way can be shown and restored"
run gt --town beta federation show formula/release --history
run gt --town beta federation show template/handoff.md --history
must grep -x -e '- Alpha asks: who was told?' <(gt --town beta federation show template/handoff.md@2)
must grep -x 'version = "1.1.0"' <(gt --town beta federation show formula/release@1.1.0)
run gt --town beta federation log -n 6

title "Look further ($((SECONDS - began)) s so far)"
cat <<END
  cd $dir/beta
  export PATH=$bin:\$PATH
  gt federation status                          compare files, plane and remote
  gt federation show role/mayor --history       every text the role ever had
  gt federation restore formula/release@1.1.0   put one in force again
  \$EDITOR federation/roles/mayor.md             edit, then: gt federation sync
  git -C ../hub.git log --stat refs/dolt/data   what lies in the repository
  gt --help
END
