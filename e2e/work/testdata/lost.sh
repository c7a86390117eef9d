# Agents for tests that do not get on: the first argument says how. Each notes in the file
# "settled" that it has done what it does.
place=${GT_ROOT%/*}
bead=${GT_BRANCH##*/}

while read -r line; do case $line in *'gt hook'*) break ;; esac; done
echo "$bead $GT_ROLE $GT_RUN" >>"$place/runs"
settled() { echo "$bead $GT_RUN" >>"$place/settled"; }
work() { echo "$1 in run $GT_RUN" >"$bead.txt" && git add -A && git commit -qm "$1"; }
# Each way is gone once; the next worker of the bead does what it should.
if [ -e "$place/lost-$bead" ] && [ "$1" != always ]; then
  work usual
  gt done
  settled
  exit
fi
: >"$place/lost-$bead"
case $1 in
hang | always) echo half >"$bead.half"; trap '' HUP TERM ;;
loop) work begin; settled; while :; do echo 'thinking about it'; sleep 0.3; done ;;
crash) echo half >"$bead.half"; echo 'panic: no more memory'; settled; exit 3 ;;
unsaid) work unsaid; git push -q origin "HEAD:$GT_BRANCH"; echo "I am done" ;;
unpushed) work unpushed; echo "I am done" ;;
dialog) echo "You've hit your usage limit. Try again later." ;;
esac
settled
while :; do sleep 1; done
