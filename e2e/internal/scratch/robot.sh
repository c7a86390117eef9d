# An agent for tests. It does what its bead's text says in a line "do DEED", once, and
# afterwards what is usual: it commits and hands in. A deed that ends with "!" it does
# each time. It notes every commit it makes in the file "commits" beside the Town.
place=$HOME
bead=${GT_BRANCH##*/}

note() { git rev-parse HEAD >>"$place/commits"; }
commit() { echo "$1 in run $GT_RUN" >>"$bead.txt" && git add -A && git commit -qm "$1" && note; }
# hand_in tries again when the Town is busy or its Deacon was just killed. Exit code 5
# says that this session is over. The file "tries" says how often.
hand_in() {
  tries=$(cat "$place/tries" 2>/dev/null || echo 8)
  while [ "$tries" -gt 0 ]; do
    gt done "$@"
    case $? in 0 | 5) return ;; esac
    tries=$((tries - 1))
    sleep 0.5
  done
}
# While it works it prints, so that nobody takes it for silent on a slow machine.
prints() {
  while :; do echo .; sleep 1; done &
  printer=$!
}
quiet() { kill "$printer" 2>/dev/null; }
# bomb forks without end. A fork that fails ends one of the processes only.
bomb() {
  sleep 0.3
  bomb & bomb &
  wait
}

while read -r line; do
  case $line in *'Read it with: gt hook'*) ;; *) continue ;; esac # not a nudge
  echo "$bead $GT_ROLE $GT_RUN" >>"$place/runs"
  prints
  deed=$(gt hook 2>/dev/null | sed -n 's/^do //p')
  case $deed in
  *!) deed=${deed%!} ;;
  *) if [ -e "$place/did-$bead" ]; then deed=usual; fi ;;
  esac
  if [ -e "$place/calm" ]; then deed=usual; fi
  : >"$place/did-$bead"
  case $deed in
  amend) commit first && git commit -q --amend -m amended && note; hand_in ;;
  reset) commit lost && git reset -q --hard HEAD~1; commit kept; hand_in ;;
  detach) git switch -q --detach && commit apart; git switch -q "$GT_BRANCH"; commit here; hand_in ;;
  stash) echo s >"$bead.stash" && git add -A && git stash -q && git rev-parse stash@{0} >>"$place/commits"; commit after; hand_in ;;
  dirty) commit half; echo left >"left-$bead"; gt done; commit rest; hand_in ;;
  nothing) hand_in --no-change --reason 'there is nothing to do' ;;
  twice) commit twice; gt done & first=$!; gt done & wait "$first" $! ;;
  cut) commit cut; gt done & sleep 0.1; kill -9 $!; hand_in ;;
  handoff) commit part; echo more >"more-$bead"; gt handoff --message 'go on' ;;
  exit) commit last; quiet; exit 3 ;;
  hang) commit some; echo staged >"staged-$bead"; git add -A; echo more >"more-$bead" ;;
  freeze) commit some; echo staged >"staged-$bead"; git add -A; echo more >"more-$bead"; quiet; sleep 100000 ;;
  loop) commit some; quiet; while :; do echo 'let me look again'; sleep 0.2; done ;;
  bomb) commit some; quiet; bomb ;;
  children) commit children; setsid sh -c 'trap "" HUP TERM; while :; do sleep 1; done' & hand_in ;;
  stubborn) trap '' HUP TERM; commit stubborn; while :; do sleep 1; done ;;
  late) commit late; hand_in; GT_RUN=$((GT_RUN - 1)) gt done && echo "$bead: an old run handed in" >>"$place/wrong" ;;
  clash) echo "$bead" >shared.txt; commit clash; hand_in ;;
  rival) : >"rival-$bead"; commit rival; hand_in ;;
  broken) echo false >"$bead.test"; commit broken; hand_in ;;
  unsaid) commit unsaid; git push -q origin HEAD; quiet; sleep 100000 ;;
  *) commit usual; hand_in ;;
  esac
  quiet
done
