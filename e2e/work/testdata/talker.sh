# An agent whose program has conversations: it notes how it was started and tells gt of its
# conversation, until gt knows it: a hook waits only a moment for a Town that is busy. It
# hands in when it goes on with one.
place=${GT_ROOT%/*}
bead=${GT_BRANCH##*/}

echo "$bead $GT_RUN $*" | sed 's/ $//' >>"$place/starts"
until gt agents --json 2>/dev/null | grep -q "\"talk-$bead-$GT_RUN\""; do
  echo "{\"session_id\":\"talk-$bead-$GT_RUN\",\"hook_event_name\":\"SessionStart\",\"source\":\"startup\"}" | gt prime --hook >/dev/null
done
while read -r line; do case $line in *'gt hook'*) break ;; esac; done
echo "$bead $GT_RUN" >>"$place/talks"
if [ $# -gt 0 ]; then
  echo "in run $GT_RUN" >"$bead.txt" && git add -A && git commit -qm "$bead"
  until gt done; do sleep 0.5; done
fi
while :; do sleep 1; done
