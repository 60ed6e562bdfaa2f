#!/bin/sh
# Speaks as the edge does, and does nothing else: for tests of those who start edges.
# Called as the edge is: stand-in.sh run --config FILE
say() { echo "$1" >&2; }
if [ -z "$MUTE" ]; then
    say '{"message":"listening","address":"127.0.0.1:11","listener":0}'
    say '{"message":"listening","address":"127.0.0.1:12","listener":1}'
    say '{"message":"admin listening","address":"127.0.0.1:13"}'
fi
trap 'say "{\"message\":\"again\"}"; cat "$3"' HUP
trap 'say "{\"message\":\"ending\"}"; ${ON_TERM:-exit 3}' TERM
say '{"message":"ready","generation":1}'
echo '{"path":"/"}'
while :; do
    sleep 1 &
    wait $!
done
