# An agent to measure with. It notes in began/BEAD that it has its work, and prints while
# it works, so that nobody takes it for silent. When the file "go" is there it commits and
# hands in. HOME is the directory beside the Town.
bead=${GT_BRANCH##*/}
while read -r line; do
  case $line in *'gt hook'*) ;; *) continue ;; esac # not a nudge
  gt hook >/dev/null 2>&1
  : >"$HOME/began/$bead"
  until [ -e "$HOME/go" ]; do echo .; sleep 1; done
  echo "$GT_RUN" >"$bead.txt" && git add -A && git commit -qm "$bead"
  tries=20
  while [ "$tries" -gt 0 ]; do # the Town may be busy
    gt done >/dev/null 2>&1
    case $? in 0 | 5) break ;; esac
    tries=$((tries - 1))
    sleep 0.5
  done
done
