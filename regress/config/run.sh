#!/bin/sh
# SPDX-License-Identifier: ISC
#
# wgslirpd -n and -nv: what is accepted, what is refused and how it is
# told, that -nv parses back to itself, and that no key ever shows.

top=$(cd "$(dirname "$0")/../.." && pwd)
d=$top/wgslirpd/wgslirpd
ctl=$top/wgslirpctl/wgslirpctl
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
umask 077
pass=0 fail=0

ok() {
	pass=$((pass + 1))
}

bad() {
	fail=$((fail + 1))
	echo "FAIL config/$1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@"
}

$ctl genkey >"$t/key"
$ctl genpsk >"$t/psk"
K=$(cat "$t/key")
P=$($ctl genkey | $ctl pubkey)
Q=$($ctl genkey | $ctl pubkey)
PW=$(echo "a password" | $ctl web password)
cp "$t/key" "$t/open.key"
chmod 644 "$t/open.key"
echo nonsense >"$t/bad.key"

conf() {
	cat >"$t/c"
}

good() {
	if out=$($d -n -f "$t/c" 2>&1) &&
	    [ "$(printf '%s\n' "$out" | grep -v 'which no peer has' |
	    grep -v 'is made at the start')" = \
	    "configuration OK" ]; then
		ok
	else
		bad "$1" "$out"
	fi
}

# refused NAME TEXT: exit 1 and one line that has the text
refused() {
	out=$($d -n -f "$t/c" 2>&1)
	if [ $? -eq 1 ] && printf '%s' "$out" | grep -qF -- "$2" &&
	    ! printf '%s' "$out" | grep -qF "$K"; then
		ok
	else
		bad "$1" "wanted: $2" "$out"
	fi
}

conf <<X
private key "$K"
X
good minimal
for x in find 64:ff9b::/96 2001:db8::/32 2001:db8:1:2::/64; do
	printf 'private key "%s"\negress nat64 "%s"\n' "$K" $x >"$t/c"
	good "egress nat64 $x"
	$d -nv -f "$t/c" 2>/dev/null | grep -q "^egress nat64 $x$" && ok ||
	    bad "egress nat64 $x -nv"
done
for x in 90 90s 30m 6h 1d; do
	printf 'private key "%s"\negress source { 10.0.0.1, ::1 } rotate %s\n' \
	    "$K" $x >"$t/c"
	good "egress rotate $x"
done
$d -nv -f "$t/c" 2>/dev/null |
    grep -q '^egress source { 10.0.0.1 ::1 } rotate 86400s$' && ok ||
    bad "egress rotate -nv"
for x in 0 -1 6w h 9999d; do
	printf 'private key "%s"\negress source { 10.0.0.1 } rotate "%s"\n' \
	    "$K" $x >"$t/c"
	refused "egress rotate $x" 'with s, m, h or d'
done
for x in 10.0.0.0/8 2001:db8::/44 2001:db8::/80 what; do
	printf 'private key "%s"\negress nat64 "%s"\n' "$K" $x >"$t/c"
	refused "egress nat64 $x" 'find, or a prefix of RFC 6052'
done

# ways out
printf 'joe:secret word\n' >"$t/login"
UP="peer \"up\" {
	public key \"$P\"
	address { 10.64.0.2 fd64::2 }
	private key file \"$t/key\"
	endpoint 198.51.100.2
	dns { 10.64.0.1 }
}"
conf <<X
private key "$K"
address 10.77.0.1/24
dns listen upstream { "9.9.9.9#dns.quad9.net", "2620:fe::fe@8853#dns.quad9.net", 192.0.2.53 }
dns64 yes
pcp port 20000:20999 max 4
udp { preserve ports yes }
egress nat64 find
egress "wan2" interface "lo"
egress "wan2" source { 10.0.0.1 ::1 } rotate 6h
egress "tor" socks5 "127.0.0.1" port 9050 user file "$t/login"
egress "far" via peer "up"
egress "all" { "up", "tor", "wan2", host }
egress "all"
$UP
peer "a" {
	public key "$Q"
	egress { "tor", none }
	pcp yes
}
pass from peer "a" to any port { 80 443 } egress "all"
pass from peer "a" proto udp to 192.0.2.0/24 egress host
X
good 'ways out'
$d -nv -f "$t/c" >"$t/v" 2>/dev/null
cp "$t/v" "$t/c"
good 'ways out -nv'
$d -nv -f "$t/c" 2>/dev/null | cmp -s - "$t/v" && ok ||
    bad 'ways out -nv again' "$($d -nv -f "$t/c" 2>&1 | diff - "$t/v")"
grep -q 'secret word' "$t/v" && bad 'ways out: the password shows' || ok
for x in 'egress "all" { "up" "tor" }' 'egress "far" via peer "up"' \
    'dns64 yes' 'persistent keepalive 25' 'pcp port 20000:20999 max 4' \
    'allowed ips { 0.0.0.0/0 ::/0 }' '"9.9.9.9@853#dns.quad9.net"' \
    'port 80 egress "all"' 'private key file'; do
	case $x in
	'egress "all"'*) x='egress "all" { "up" "tor" "wan2" "host" }' ;;
	esac
	grep -qF -- "$x" "$t/v" && ok || bad "ways out -nv: $x" "$(cat "$t/v")"
done

# wrong NAME STATEMENT TEXT: beside an uplink
wrong() {
	printf 'private key "%s"\naddress 10.77.0.1/24\n%s\n%s\n' "$K" \
	    "$UP" "$2" >"$t/c"
	refused "$1" "$3"
}
wrong 'unknown way' 'egress "nobody"' 'nothing is called "nobody"'
wrong 'unknown way in a list' 'egress { host "nobody" }' 'nothing is called'
wrong 'list of lists' 'egress "x" { host none }
egress "y" { "x" }' 'a list within a list'
wrong 'unknown uplink' 'egress via peer "nobody"' 'is called "nobody"'
wrong 'way of a rule' 'pass to any egress "nobody"' 'unknown egress "nobody"'
wrong 'way of a block' 'block to any egress host' 'egress is of a pass rule'
wrong 'way twice' 'egress "x" socks5 127.0.0.1 port 1
egress "x" via peer "up"' 'is defined twice'
wrong 'five in order' 'egress { host host host host host }' 'more than 4'
wrong 'name of the host' 'egress "host" interface "lo"' 'not a name for one'
wrong 'no interface' 'egress interface "nowhere0"' 'no interface "nowhere0"'
wrong 'ports below 1024' 'pcp port 80:100' 'from 1024 on'
wrong 'ports the other way' 'pcp port 3000:2000' 'low:high'
wrong 'dns64 alone' 'dns listen
dns64 yes' 'needs "dns listen", and'
wrong 'name of an upstream' 'dns listen upstream "9.9.9.9#not a name"' '#name'
wrong 'ca for nobody' "dns ca file \"$t/key\"" 'holds no certificate'
UP="peer \"up\" {
	public key \"$P\"
	address 10.64.0.2
	endpoint 198.51.100.2
}"
wrong 'no resolvers' 'dns listen' 'without "dns"'
UP="peer \"up\" {
	public key \"$P\"
	address { 10.64.0.2 10.64.0.3 }
	endpoint 198.51.100.2
}"
wrong 'two addresses' '' 'one of each family'
UP="peer \"up\" {
	public key \"$P\"
	address 10.64.0.2
}"
wrong 'no endpoint' '' 'uplink without an endpoint'
UP="peer \"up\" {
	public key \"$P\"
	private key file \"$t/key\"
}"
wrong 'a key for nobody' '' 'but no "address" there'
UP="peer \"up\" {
	public key \"$P\"
	address 10.64.0.2
	endpoint 198.51.100.2
	egress host
}"
wrong 'an uplink that leaves' '' 'no guest with an egress'

# a provider's file
printf '[Interface]\nPrivateKey = %s\nAddress = 10.64.1.2/32, fd64::5/128\nDNS = 10.64.0.1, lan\nMTU = 1380\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0,::0/0\nEndpoint = 192.0.2.66:51820\n' \
    "$K" "$P" >"$t/wg"
{ printf 'private key "%s"\nlisten on * port 1\naddress 10.77.0.1/24\ndns listen\negress "prov ider"\n' "$K"
    $ctl convert -u "$t/wg" 'prov ider'; } >"$t/c" && good 'convert -u' ||
    bad 'convert -u'
printf '[Peer]\nPublicKey = %s\nEndpoint = 192.0.2.67:51820\n' "$Q" >>"$t/wg"
$ctl convert -u "$t/wg" x 2>&1 | grep -q 'a second \[Peer\]' && ok ||
    bad 'convert -u: two peers'
# two servers of a provider; each has everything behind it
printf '[Interface]\nPrivateKey = %s\nAddress = 10.64.1.2\nDNS = 10.64.0.1\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.67:51820\n' \
    "$K" "$Q" >"$t/wg"
$ctl convert -u "$t/wg" 'se' >>"$t/c"
[ "$($d -n -f "$t/c" 2>&1)" = "configuration OK" ] && ok ||
    bad 'two uplinks' "$($d -n -f "$t/c" 2>&1)"

printf '# a list\n203.0.113.0/24\n 203.0.113.7 # in it\n\n' >"$t/prefixes"
printf '# users\njoe:secret\nann:with:colon\n' >"$t/users"

conf <<X
# every keyword
ext_port = "51820"
listen on * port \$ext_port
listen on 127.0.0.1 port 1000
listen on ::1 port 1001
private key file "$t/key"
address { 10.77.0.1/24 fd77::1/64 }
mtu 1420
log brief
max flows 5000
tcp { ack delay 10 congestion cubic, error signal reset fast dial 7
	gate log debug idle gate 5000 idle inflight 9000 idle fail 60
	initial window 20 mss 1200 pace gap 3 receive buffer 100000
	send buffer 200000 receive window 100000 sack no window scale 7 }
copy tos yes
ttl 99
udp { timeout 300 dns timeout 7, filtering endpoint-independent }
max new flows 77
offload no
table <office> { 198.51.100.0/24 2001:db8::/32 } file "$t/prefixes"
table <none> { }
dns listen upstream { 9.9.9.9 2620:fe::fe@5353 } domain "home.arpa"
metrics listen on 127.0.0.1 port 9586
web listen on 127.0.0.1 port 8081 allow { 127.0.0.0/8 ::1 }
web listen on "/run/web/socket"
web user "alice" password "$PW"
web user "bob" password "$PW" role view
web user "carol" role admin
web trust header "Remote-User" role view from { 127.0.0.1 10.0.0.0/8 }
forward tcp from 127.0.0.1 port 8080 to 10.77.0.2 port 80
forward udp from ::1 port 5353 to fd77::2 port 53 allow { ::1 }
forward tcp from * port 8443 to 10.77.0.2 port 443 allow { 10.0.0.0/8 }
proxy listen on 127.0.0.1 port 1080
proxy listen on 192.0.2.1 port 1080 users file "$t/users"
overlay yes exclude { 172.16.0.0/12 10.9.9.9 }
nat64 { 2001:db8:64::/96, 2001:db8:65::/48 }
uapi interface "wgslirp0" no-private-key
block to private
block quick from 10.77.0.9 proto udp to any port 1:1023
pass from peer "laptop" proto tcp to 127.0.0.1 port 22
pass from peer "laptop" to 192.168.0.0/16
pass from any proto icmp to 10.0.0.1
block return log to <office> port { 25 135:139 }
block drop quick out from <office> proto udp to any
pass proto tcp from peer "laptop" to { 10.0.0.1 <office> }
pass from peer { "laptop" "phone" } to private

peer "laptop" {
	public key "$P"
	preshared key file "$t/psk"
	allowed ips { 10.77.0.2/32 fd77::2/128 }
	endpoint "vpn.example.com" port 51820
	persistent keepalive 25
	max flows 4096
	max new flows 100
	rate in 10M
	rate out 2500K
	quota 500G
	expires "2027-01-31T23:59:59Z"
	reserved { 1 2, 255 }
}
include "$t/inc"
X
printf 'peer "phone" {\n\tpublic key "%s"\n\tallowed ips 10.77.0.3\n}\n' \
    "$Q" >"$t/inc"
good full
$d -nv -f "$t/c" >"$t/one" 2>/dev/null
cp "$t/one" "$t/c"
good printed
$d -nv -f "$t/c" >"$t/two" 2>/dev/null
if cmp -s "$t/one" "$t/two" && [ -s "$t/one" ]; then ok; else
	bad "round trip" "$(diff "$t/one" "$t/two")"
fi
for w in 'listen on \* port 51820' 'listen on ::1 port 1001' 'mtu 1420' \
    'block quick from 10.77.0.9/32 proto udp to any port 1:1023' \
    'pass from peer "laptop" proto tcp to 127.0.0.1/32 port 22' \
    'overlay yes exclude { 172.16.0.0/12 10.9.9.9/32 }' \
    'nat64 { 2001:db8:64::/96 2001:db8:65::/48 }' \
    'block to private' 'endpoint "vpn.example.com" port 51820' \
    'allowed ips { 10.77.0.3/32 }' \
    'uapi interface "wgslirp0" no-private-key' 'congestion cubic' \
    'error signal reset' 'fast dial 7' 'gate log debug' 'idle gate 5000' \
    'idle inflight 9000' 'idle fail 60' 'initial window 20' 'mss 1200' \
    'pace gap 3' 'receive buffer 100000' 'send buffer 200000' \
    'receive window 100000' 'sack no' 'window scale 7' 'copy tos yes' \
    'ttl 99' 'dns timeout 7' 'filtering endpoint-independent' \
    'max new flows 77' 'offload no' 'table <none> { }' \
    'table <office> { 198.51.100.0/24 2001:db8::/32 } file' \
    'dns listen upstream { 9.9.9.9 2620:fe::fe@5353 } domain "home.arpa"' \
    'metrics listen on 127.0.0.1 port 9586' \
    'web listen on 127.0.0.1 port 8081 allow { 127.0.0.0/8 ::1/128 }' \
    'web listen on "/run/web/socket"' \
    'web user "alice" password redacted role admin' \
    'web user "bob" password redacted role view' \
    'web user "carol" role admin' \
    'web trust header "Remote-User" role view from { 127.0.0.1/32' \
    'forward tcp from 127.0.0.1 port 8080 to 10.77.0.2 port 80$' \
    'forward udp from ::1 port 5353 to fd77::2 port 53 allow { ::1/128 }' \
    'forward tcp from \* port 8443 to 10.77.0.2 port 443 allow' \
    'proxy listen on 127.0.0.1 port 1080$' \
    'proxy listen on 192.0.2.1 port 1080 users file' \
    'block return log to <office> port 135:139' \
    'block drop quick from <office> proto udp to any' \
    'pass from peer "laptop" proto tcp to <office>' \
    'pass from peer "phone" to private' 'max new flows 100' \
    'rate in 10000000' 'rate out 2500000' 'quota 500000000000' \
    'expires "2027-01-31T23:59:59Z"'; do
	if grep -q "$w" "$t/one"; then ok; else bad "printed: $w"; fi
done

# inline keys are redacted, which is good for -n and not for running
conf <<X
private key "$K"
peer "a" { public key "$P"
	preshared key "$(cat "$t/psk")"
}
X
good inline
out=$($d -nv -f "$t/c" 2>&1)
if printf '%s' "$out" | grep -qF -e "$K" -e "$(cat "$t/psk")"; then
	bad "a key shows in -nv"
else ok; fi
printf '%s\n' "$out" >"$t/c"
good redacted
out=$($d -d -f "$t/c" -s "$t/s" 2>&1)
if [ $? -eq 1 ] && printf '%s' "$out" | grep -q redacted; then ok; else
	bad "runs with a redacted key" "$out"
fi

# errors name file and line, and show no key
refused_line() {
	conf
	refused "$1" "$t/c:$2: $3"
}
refused_line "no key" 1 "no private key" <<X
mtu 1400
X
for opt in 'congestion vegas' 'error signal x' 'gate log x' 'mss 20' \
    'window scale 15' 'initial window 0' 'idle fail 0' 'ack delay 501'; do
	refused_line "tcp $opt" 2 "${opt% *}: " <<X
private key "$K"
tcp { $opt }
X
done
for name in '' ../x .x a/b sixteencharacter 'a b'; do
	refused_line "uapi interface $name" 2 "uapi interface: 1 to 15" <<X
private key "$K"
uapi interface "$name"
X
done
# statements of rules and services; A is an address of the gateway
statement() {
	refused_line "$1" 3 "$2" <<X
private key "$K"
address 10.77.0.1/24
$1
X
}
chmod 644 "$t/users"
cp "$t/prefixes" "$t/open"
chmod 666 "$t/open"
printf '10.0.0.0/8\nnonsense\n' >"$t/bad"
printf 'nocolon\n' >"$t/badusers"
: >"$t/nousers"
statement 'block to <nowhere>' 'rule for unknown table <nowhere>'
statement 'block from <nowhere>' 'rule for unknown table <nowhere>'
statement 'table <a b> { }' 'syntax error'
statement 'table <"a b"> { }' 'table name: 1 to 31'
statement 'table <a> { 10.0.0.0/33 }' 'table: not an address/length'
statement "table <a> file \"$t/none\"" "$t/none: No such file"
statement "table <a> file \"$t/open\"" "$t/open: is accessible"
statement "table <a> file \"$t/bad\"" "$t/bad:2: not an address/length"
statement 'block log log' 'the same part of a rule twice'
statement 'pass return to any' 'syntax error'
statement 'block to any port { 80 0 }' 'port: must be from 1 to 65535'
statement 'block to any port { 80 9:8 }' 'port: not a port or low:high'
statement 'block proto sctp' 'proto: tcp, udp or icmp'
statement 'udp { filtering none }' 'filtering: must be address-dependent,'
statement 'dns listen upstream { example.com }' 'upstream: not an address'
statement 'dns listen upstream 9.9.9.9@0' 'upstream: not an address'
statement 'peer "q" { public key "'"$P"'" endpoint "a%b" }' \
    'endpoint: "a%b" is neither an address nor a host name'
statement 'nat64 64:ff9b::/80' 'nat64: not a prefix of RFC 6052'
statement 'nat64 10.0.0.0/32' 'nat64: not a prefix of RFC 6052'
statement 'dns listen domain "a..b"' 'domain: not a domain name'
statement 'forward tcp from 127.0.0.1 port 80 to example.com port 80' \
    'forward to: not an address'
statement 'forward tcp from 127.0.0.1 port 80 to fd77::2 port 80' \
    'a forward needs an "address" of its family'
statement 'forward udp from * port 53 to 10.77.0.2 port 53' \
    'a udp forward listens on one address'
statement 'forward tcp from 127.0.0.1 port 0 to 10.77.0.2 port 53' \
    'port: must be from 1 to 65535'
statement 'proxy listen on 192.0.2.1 port 1080' \
    'a proxy for others than this host needs'
statement "proxy listen on ::1 port 1080 users file \"$t/users\"" \
    "$t/users: is accessible to others"
chmod 600 "$t/users"
statement "proxy listen on ::1 port 1080 users file \"$t/badusers\"" \
    "$t/badusers:1: not user:password"
statement "proxy listen on ::1 port 1080 users file \"$t/nousers\"" \
    "$t/nousers: no users"
statement 'metrics listen on nowhere port 9586' 'listen on: not an address'
web='web listen on 127.0.0.1 port 8080'
statement 'web listen on nowhere port 8080' 'listen on: not an address'
statement "$web" 'nobody may use the page, add a "web user"'
statement "$web allow { 10.0.0.0/8 }" 'nobody may use the page'
statement 'web listen on "run/socket"' 'web listen on: not an address, and not a path that begins with /'
statement "web listen on \"/$(printf '%0110d' 1)\"" 'web listen on: the path is too long'
statement 'web user "alice" password "secret"' 'web user: not the hash of a password'
statement "web user \"alice\" password \"$(echo "$PW" |
    sed 's/m=65536/m=999999/')\"" 'web user: not the hash of a password'
statement "web user \"alice\" password \"$(echo "$PW" |
    sed 's/t=2/t=99/')\"" 'web user: not the hash of a password'
statement "web user \"alice\" password \"$PW.x\"" 'web user: not the hash of a password'
statement "web user \"a b\" password \"$PW\"" 'web user: a user'"'"'s name has no spaces'
statement "web user \"\" password \"$PW\"" 'web user: a user'"'"'s name is too long, or empty'
statement "web user \"$(printf '%064d' 1)\" password \"$PW\"" \
    'web user: a user'"'"'s name is too long, or empty'
statement "web user \"alice\" password \"$PW\" role boss" \
    'web user: a role is admin or view'
statement 'web user "alice"' 'a web user without a password needs'
statement 'web trust header "Remote User" from 10.0.0.1' \
    'web trust header: not the name of a header'
statement 'web trust header "Remote-User" from 10.0.0.999' 'from: not'
statement 'web trust header "Remote-User"' 'web trust header needs addresses'
refused_line "a user of the page twice" 3 'web user: the same user twice' <<X
private key "$K"
web user "alice" password "$PW"
web user "alice" password "$PW"
X
refused_line "two headers" 3 'web trust header: one header is enough' <<X
private key "$K"
web trust header "A" from 10.0.0.1
web trust header "B" from 10.0.0.1
X
refused_line "two UNIX sockets" 3 'web listen on: one UNIX socket is enough' <<X
private key "$K"
web listen on "/a"
web listen on "/b"
X
refused_line "a port twice" 4 "the same address and port twice" <<X
private key "$K"
address 10.77.0.1/24
metrics listen on 127.0.0.1 port 1080
proxy listen on * port 1080 allow 10.0.0.0/8
X
refused_line "a table twice" 3 "table is defined twice" <<X
private key "$K"
table <a> { }
table <a> { }
X
refused_line "dns without an address" 2 'dns listen needs an "address"' <<X
private key "$K"
dns listen
X
option() {
	refused_line "$1" 4 "$2" <<X
private key "$K"
peer "a" {
	public key "$P"
	$1
}
X
}
option 'expires "tomorrow"' 'expires: not a time as'
option 'expires "2027-13-01"' 'expires: not a time as'
option 'expires "2027-01-31T25:00:00Z"' 'expires: not a time as'
option 'quota 0' 'quota: not a number'
option 'quota 10X' 'quota: not a number'
option 'quota 99999999999T' 'quota: not a number'
option 'rate in 100' 'rate: at least 8000'
option 'max new flows 0' 'max new flows: must be from 1'

# every example of the manual can be pasted
awk -v d="$t" '/^\.Bd -literal/ { n++; on = 1; next } /^\.Ed/ { on = 0 }
    on { gsub(/\\e/, "\\"); print > (d "/ex." n) }' \
    "$top/man/wgslirpd.conf.5"
examples=0
for f in "$t"/ex.*; do
	# neither a grammar nor a command
	if grep -qE '^[[:space:]]*\[|^\$|^include' "$f"; then
		continue
	fi
	examples=$((examples + 1))
	sed -e "s|/etc/wgslirpd/private.key|$t/key|" \
	    -e "s|/etc/wgslirpd/provider.key|$t/key|" \
	    -e "s|/etc/wgslirpd/laptop.psk|$t/psk|" "$f" >"$t/c"
	grep -q '^private key' "$t/c" ||
	    echo "private key \"$K\"" >>"$t/c"
	grep -q '^address' "$t/c" || echo "address 10.77.0.1/24" >>"$t/c"
	grep -q '^peer "laptop"' "$t/c" ||
	    printf 'peer "laptop" {\n\tpublic key "%s"\n}\n' "$P" >>"$t/c"
	good "example ${f##*/} of wgslirpd.conf(5)"
done
[ "$examples" -ge 9 ] && ok || bad "examples of the manual: $examples"

refused_line "bad key" 2 "private key: not a key" <<X
# a comment
private key "${K%?}A"
X
refused_line "bad public key" 3 "public key: not a key" <<X
private key "$K"
peer "a" {
	public key "$K$K"
}
X
refused_line "zero key" 1 "the private key is all zeros" <<X
private key "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
X
refused_line syntax 2 "syntax error" <<X
private key "$K"
frobnicate yes
mtu 1400
X
refused_line "key as syntax error" 1 "syntax error" <<X
private keys "$K"
X
refused_line mtu 2 "mtu: must be from 576 to 1800" <<X
private key "$K"
mtu 9000
X
refused_line port 1 "port: must be from 0 to 65535" <<X
listen on * port 65536
private key "$K"
X
refused_line listen 1 "listen on: not an address" <<X
listen on nowhere
private key "$K"
X
refused_line "listen twice" 3 "the same address is listened on twice" <<X
listen on *
listen on 127.0.0.1
private key "$K"
X
printf 'y = "1 2222"\ny = $y\nprivate key "%s"\n' "$K" >"$t/c"
refused "macro redefined" "syntax error"
# includes seen from their file, patterns, folders that are not there yet
mkdir "$t/d"
printf 'peer "b" {\n\tpublic key "%s"\n}\n' "$P" >"$t/d/2.conf"
printf 'peer "a" {\n\tpublic key "%s"\n}\n' "$Q" >"$t/d/1.conf"
echo nonsense >"$t/d/3.conf.off"
conf <<X
private key "$K"
address 10.77.0.1/24
gateway id 200
public endpoint "vpn.example.com" port 443
include "d/*.conf"
include "none/*.conf"
mtu 1400
X
good "patterns"
out=$($d -nv -f "$t/c" 2>/dev/null | grep -E '^(peer|mtu|gateway|public)' |
    tr '\n' ' ')
want='public endpoint "vpn.example.com" port 443 mtu 1400 gateway id 200 peer '
want=$want'"a" { peer "b" { '
if [ "$out" = "$want" ]; then ok; else bad "patterns printed" "$out"; fi
echo 'mtu 99999' >"$t/d/2.conf"
refused "error in one of a pattern" "$t/d/2.conf:1: mtu"
# what is legal and probably not meant; what was probably meant
warned() {
	out=$($d -n -f "$t/c" 2>&1)
	if [ $? -eq 0 ] && printf '%s' "$out" | grep -qF -- "$2"; then
		ok
	else
		bad "$1" "wanted: $2" "$out"
	fi
}
conf <<X
private key "$K"
address 10.77.0.1/24
forward tcp from 127.0.0.1 port 1 to 10.77.0.9 port 1
peer "a" {
	public key "$P"
	allowed ips { 10.77.0.2/32 10.77.0.3/32 }
	expires "2020-01-01"
	endpoint "vpn.example.com:443"
}
peer "b" {
	public key "$Q"
	allowed ips 10.77.0.3/32
	endpoint "[2001:db8::1]:7"
}
X
warned "forward to nobody" "$t/c:3: forward to 10.77.0.9, which no peer has"
warned "expired" "$t/c:4: peer \"a\" has expired already"
cat >>"$t/c" <<X
peer "me" {
	public key "$(echo "$K" | $ctl pubkey)"
	allowed ips 10.77.0.7/32
}
X
warned "own key" 'peer "me" has this gateway'"'"'s own key'
out=$($d -n -D wrong=1 -f "$t/c" 2>&1)
case $out in
*"-D wrong: no macro of that name is used"*OK)	ok ;;
*)	bad "-D of nothing" "$out" ;;
esac
warned "the same allowed ips" 'both have the allowed ips 10.77.0.3/32'
out=$($d -nv -f "$t/c" 2>/dev/null | grep endpoint | tr -d '\t' | tr '\n' ' ')
want='endpoint "vpn.example.com" port 443 endpoint "2001:db8::1" port 7 '
if [ "$out" = "$want" ]; then ok; else bad "endpoint with port" "$out"; fi
conf <<X
private key "$K"
peer "b" {
	public key "$Q"
	endpoint "a:b"
}
X
refused "endpoint" "endpoint: one port"
conf <<X
lisen on *
private key "$K"
alow
X
refused "a typo" 'c:1: syntax error near "lisen" (did you mean "listen"?)'
refused "and the next" 'c:3: syntax error near "alow" (did you mean "allow"?)'
printf '[Interface]\nPrivateKey = %s\n' "$K" >"$t/c"
refused "wg-quick" "wgslirpctl convert"
printf 'private key %s\n' "$K" >"$t/c"
refused "a key without quotes" "c:1: private key: not a key"
conf <<X
private key "$K"
address 10.77.0.1/24
gateway id 256
X
refused "gateway id" "$t/c:3: gateway id: must be from 0 to 255"
conf <<X
private key "$K"
address 10.77.0.1/24
public endpoint "a b"
X
refused "public endpoint" "neither an address nor a host name"
# rules that never decide; those that do, and look like it
idle() {
	conf <<X
private key "$K"
address 10.77.0.1/24
table <t> { 192.0.2.0/24 }
peer "a" {
	public key "$Q"
	allowed ips 10.77.0.3/32
}
$2
$3
X
	out=$($d -n -f "$t/c" 2>&1 | grep decides)
	case $1$out in
	first*"c:8: the rule never decides: that of line 9 comes later")	ok ;;
	second*"c:9: the rule never decides: that of line 8 is quick")	ok ;;
	none)	ok ;;
	*)	bad "idle rule" "$2" "$3" "$out" ;;
	esac
}
# and back: what wg-quick knows survives the way there and back again
mkdir -p "$t/back/peers.d"
echo "$K" >"$t/back/key"
$ctl genpsk >"$t/back/psk"
chmod 600 "$t/back/key" "$t/back/psk"
cat >"$t/back/c" <<X
ext_port = "51999"	# of everybody
listen on * port \$ext_port
private key file "$t/back/key"
address { 10.77.0.1/24, fd77::1/64 }
dns listen
mtu 1400
tcp { congestion cubic
	sack yes }
public endpoint "vpn.example.com"
block to private
include "peers.d/*.conf"
peer "a b" { public key "$P"
	allowed ips { 10.77.0.2/32
	    fd77::2/128 }
	preshared key file "$t/back/psk"
	endpoint "2001:db8::1" port 7
	quota 5G
}
X
cat >"$t/back/peers.d/c.conf" <<X
peer c {
	public key "$Q"
	allowed ips 10.77.0.3/32
	persistent keepalive 25
}
X
chmod 600 "$t/back/c" "$t/back/peers.d/c.conf"
$ctl convert -r "$t/back/c" >"$t/back/wg" 2>&1
$ctl convert "$t/back/wg" >"$t/back/again" 2>&1
chmod 600 "$t/back/again"
$d -nv -f "$t/back/c" 2>/dev/null >"$t/back/one"
$d -nv -f "$t/back/again" 2>/dev/null >"$t/back/two"
facts='^listen on\|^address\|^mtu\|allowed ips\|endpoint "2001\|keepalive'
if [ "$(grep -c "$facts" "$t/back/one")" -ge 7 ] &&
    [ "$(grep "$facts\|public key" "$t/back/one")" = \
    "$(grep "$facts\|public key" "$t/back/two")" ]; then ok; else
	bad "convert there and back" "$(cat "$t/back/wg" "$t/back/again")" \
	    "$(diff "$t/back/one" "$t/back/two")"
fi
if grep -q '^# quota 5G' "$t/back/wg" &&
    grep -q '^# .*block to private' "$t/back/wg"; then ok; else
	bad "convert -r, comments" "$(cat "$t/back/wg")"
fi
out=$($ctl convert -r "$t/back/c" "a b" 2>&1)
if echo "$out" | grep -q "^Address = 10.77.0.2/32, fd77::2/128" &&
    echo "$out" | grep -q "^PublicKey = $(echo "$K" | $ctl pubkey)" &&
    echo "$out" | grep -q "^Endpoint = vpn.example.com:51999" &&
    echo "$out" | grep -q "^PresharedKey = $(cat "$t/back/psk")" &&
    ! echo "$out" | grep -q "$K"; then ok; else
	bad "convert -r, of a peer" "$out"
fi
# what may stand in one line, in other quotes and in brackets
cat >"$t/back/c" <<X
private key file "$t/back/key"
address 10.77.0.1/24
peer 'al ice' { public key "$P" allowed ips { 10.77.0.2/32 fd77::2/128 } quota 5G endpoint "[2001:db8::1]:51820" persistent keepalive 25 }
peer b { public key "$Q"
	allowed ips 10.77.0.3/32 max flows 7 }
X
chmod 600 "$t/back/c"
out=$($ctl convert -r "$t/back/c" 2>&1)
want='# Name = al ice;PublicKey = P;AllowedIPs = 10.77.0.2/32, fd77::2/128;'
want=$want'# quota 5G;Endpoint = [2001:db8::1]:51820;PersistentKeepalive = 25;'
want=$want'[Peer];# Name = b;PublicKey = Q;AllowedIPs = 10.77.0.3/32;# max flows 7;'
got=$(echo "$out" | sed -n '/al ice/,$p' | sed "s|$P|P|; s|$Q|Q|; /^$/d" |
    tr '\n' ';')
if $d -n -f "$t/back/c" >"$t/out" 2>&1 &&
    [ "$got" = "$want" ]; then ok; else
	bad "convert -r of one line" "$got" "$(cat "$t/out")"
fi
for x in 'x =
foo' 'peer { allowed ips 10.0.0.1/32 }' 'peer a { public key }' '}' \
    'peer a { public key "x' 'a = "b
' 'address 1.2.3/4' 'include "/nowhere"' 'mtu $x'; do
	printf '%s\n' "private key file \"$t/back/key\"" "$x" >"$t/back/d"
	if $ctl convert -r "$t/back/d" >"$t/out" 2>&1; then
		bad "convert -r, wrong" "$x" "$(cat "$t/out")"
	else
		ok
	fi
done
for x in "nobody" "a"; do
	if $ctl convert -r "$t/back/c" "$x" >/dev/null 2>&1; then
		bad "convert -r of nobody" "$x"
	else
		ok
	fi
done
conf <<X
private key "$K"
address 10.77.0.1/24
gateway id 2
gateway peer 1 endpoint 10.8.1.2
gateway peer 2 endpoint 2001:db8::2 port 51821
balancer { 10.8.0.0/24, 192.0.2.1 }
X
good "gateway peers"
out=$($d -nv -f "$t/c" 2>/dev/null | grep 'gateway peer\|balancer' | tr '\n' ';')
want='balancer 10.8.0.0/24;balancer 192.0.2.1/32;'
want=$want'gateway peer 1 endpoint 10.8.1.2 port 51820;'
want=$want'gateway peer 2 endpoint 2001:db8::2 port 51821;'
if [ "$out" = "$want" ]; then ok; else bad "gateway peers" "$out"; fi
for x in 'gateway peer 256 endpoint 10.8.1.2' 'gateway peer 3 endpoint a.b' \
    'gateway peer 1 endpoint 10.8.1.3' 'gateway peer 3 endpoint 10.8.1.2'; do
	conf <<X
private key "$K"
address 10.77.0.1/24
gateway peer 1 endpoint 10.8.1.2
$x
X
	refused "$x" "c:4: gateway peer"
done
# what shows that the network works
conf <<X
private key "$K"
address 10.77.0.1/24
health name "www.example.com" on 2001:db8::53
health http "http://[2001:db8::1]:8080/a?b=c"
watch yes
X
good health
out=$($d -nv -f "$t/c" 2>/dev/null | grep health | tr '\n' ';')
want='health name "www.example.com" on 2001:db8::53;'
want=$want'health http "http://[2001:db8::1]:8080/a?b=c";'
if [ "$out" = "$want" ]; then ok; else bad "health, printed" "$out"; fi
# unwell STATEMENT ERROR
unwell() {
	conf <<X
private key "$K"
address 10.77.0.1/24
$1
X
	refused "$1" "c:3: $2"
}
unwell 'health name "a b"' "health name: not a host name"
unwell 'health name a.example on b' "health name: the server is not an address"
unwell 'health http "https://a/"' "health http: not http://host/path"
unwell 'health http "http://a b/"' "health http: not a host"
unwell 'health http "http://a/b c"' "health http: a character that no URL has"
unwell 'health smtp a.example' 'health: "smtp": not name'
# what is given twice, and what may be
conf <<X
private key "$K"
address 10.77.0.1/24
mtu 1420
mtu 1300
tcp { sack yes
	sack no }
peer "a" {
	public key "$Q"
	allowed ips 10.77.0.3/32
	quota 1G
	quota 2G
}
peer "b" {
	public key "$K"
	allowed ips 10.77.0.4/32
	quota 1G
}
X
out=$($d -n -f "$t/c" 2>&1 | sed -n "s,.*/c:\([0-9]*: .*\): given before.*,\1,p" |
    tr "\n" ";")
if [ "$out" = "4: mtu;6: sack;11: quota;" ]; then
	ok
else
	bad "given twice" "$out"
fi
idle first "pass to 192.0.2.1" "block to 192.0.2.0/24"
idle first "pass from peer a to 10.0.0.0/8 port 53" "block from any"
idle first "block to <t>" "block to <t>"
idle first "pass to private" "block to any"
idle second "block quick to any" "pass to 192.0.2.1"
idle second "block quick proto tcp to any port 1:99" \
    "pass quick proto tcp to any port 25"
idle none "block to any" "pass to 192.0.2.1"
idle none "block to { 10.1.0.0/16 10.0.0.0/8 }" "pass to 192.0.2.1"
idle none "pass quick to 192.0.2.1" "block to any"
idle none "pass to 10.1.2.3" "pass to any"
idle none "block to <t>" "block to 192.0.2.0/24"
idle none "block proto tcp to any" "block proto udp to any"
idle none "pass from any to any" "block from peer a to any"
idle none "block to 192.0.2.0/24 port 25" "pass to 192.0.2.0/24 port 26"
idle none "block to 2001:db8::/32" "block to 32.0.0.0/3"
conf <<X
private key "$K"
address 10.77.0.1/24
pcap file "/nowhere/a b" max size 20M peer "x y" rotate 3 snaplen 96
X
good "pcap file"
out=$($d -nv -f "$t/c" 2>/dev/null | grep pcap)
want='pcap file "/nowhere/a b" peer "x y" max size 20000000 rotate 3 snaplen 96'
if [ "$out" = "$want" ]; then ok; else bad "pcap file" "$out"; fi
sed -i '$d' "$t/c"
printf '%s\n' "$out" >>"$t/c"
good "pcap file, printed"
conf <<X
private key "$K"
address 10.77.0.1/24
pcap file "/x" max size 20Q
X
refused "pcap size" "c:3: max size: not a number, or one with K, M, G or T"
echo "include \"$t\"" >"$t/c"
refused "include of a folder" "not a regular file"
refused_line reserved 4 "reserved: must be from 0 to 255" <<X
private key "$K"
peer "a" {
	public key "$P"
	reserved { 1 2 256 }
}
X
refused_line "two reserved" 4 "syntax error" <<X
private key "$K"
peer "a" {
	public key "$P"
	reserved { 1 2 }
}
X
refused_line prefix 4 "allowed ips: not an address/length" <<X
private key "$K"
peer "a" {
	public key "$P"
	allowed ips { 10.0.0.0/8 10.0.0.0/33 }
}
X
refused_line "missing public key" 2 'peer "a" has no public key' <<X
private key "$K"
peer "a" {
	allowed ips 10.0.0.1
}
X
refused_line "name twice" 3 'peer "a" is defined twice' <<X
private key "$K"
peer "a" { public key "$P" }
peer "a" { public key "$Q" }
X
refused_line "key twice" 3 'peer "b" has the public key of another' <<X
private key "$K"
peer "a" { public key "$P" }
peer "b" { public key "$P" }
X
refused_line macro 1 'macro "nope" not defined' <<X
listen on * port \$nope
private key "$K"
X
refused_line string 2 "unterminated string" <<X
mtu 1400
private key "$K
X
refused_line "unknown peer" 2 'rule for unknown peer "x"' <<X
private key "$K"
block from peer "x"
X
refused_line "port of icmp" 2 "port needs proto tcp or udp" <<X
private key "$K"
block proto icmp to any port 5
X
refused_line "open key file" 1 \
    "key file $t/open.key is accessible to group or others" <<X
private key file "$t/open.key"
X
refused_line "bad key file" 1 "key file $t/bad.key does not hold a key" <<X
private key file "$t/bad.key"
X
refused_line "no key file" 1 "key file $t/none.key: No such file" <<X
private key file "$t/none.key"
X
echo "include \"$t/loop\"" >"$t/loop"
conf <<X
include "$t/loop"
X
refused "include loop" "$t/loop:1: $t/loop: too many nested includes"
printf 'private key "%s"\nmtu x\n' "$K" >"$t/inc2"
conf <<X
mtu 1400
include "$t/inc2"
X
refused "line in an include" "$t/inc2:2: syntax error"
conf <<X
private key "$K"
X
chmod 666 "$t/c"
refused "writable by others" "writable by group or others"
rm -f "$t/c"
refused "no file" "No such file"

# a pipe, whose writer comes later; that one must not wait for ever here
mkfifo "$t/c"
# shellcheck disable=SC2016
(sleep 1; K=$K timeout 10 sh -c 'echo "private key \"$K\"" >"$1"' sh "$t/c") &
good "a pipe"
wait
rm -f "$t/c"

# -D wins over the file
conf <<X
p = "100"
listen on * port \$p
private key "$K"
X
out=$($d -nv -D p=200 -f "$t/c" 2>&1)
if printf '%s' "$out" | grep -q 'port 200'; then ok; else
	bad "-D" "$out"
fi

# the environment
env_good() {
	name=$1
	shift
	if out=$(env -i "$@" $d -n -e 2>&1) &&
	    printf '%s' "$out" | grep -q "configuration OK"; then
		ok
	else
		bad "env $name" "$out"
	fi
}
env_bad() {
	name=$1 want=$2
	shift 2
	out=$(env -i "$@" $d -n -e 2>&1)
	if [ $? -eq 1 ] && printf '%s' "$out" | grep -qF -- "$want" &&
	    ! printf '%s' "$out" | grep -qF "$K"; then
		ok
	else
		bad "env $name" "wanted: $want" "$out"
	fi
}
env_good minimal WG_PRIVATE_KEY="$K"
env_good rules WG_PRIVATE_KEY="$K" WG_PEERS=0 WG_PEER_0_PUBLIC_KEY="$P" \
    WG_ADDRESS=10.77.0.1/24 WG_BLOCK='private, log to any port 25' \
    WG_PASS='192.168.0.0/16, from peer 0 to 10.0.0.0/8 port 53' \
    WG_CONF='dns listen
forward tcp from 127.0.0.1 port 8080 to 10.77.0.2 port 80
'
out=$(env -i WG_PRIVATE_KEY="$K" WG_BLOCK=private WG_DISABLE_IPV6=1 \
    HEALTHCHECK=yes HEALTH_DNS_NAME=a.example HEALTH_DNS_IP=192.0.2.53 \
    HEALTH_HTTP_URL=http://b.example $d -nv -e 2>&1)
if [ "$(printf '%s' "$out" | grep '^block' | tr '\n' ';')" = \
    "block quick to ::/0;block to private;" ] &&
    [ "$(printf '%s' "$out" | grep '^health' | tr '\n' ';')" = \
    'health name "a.example" on 192.0.2.53;health http "http://b.example:80/";' ]
then
	case $out in
	*unknown*)	bad "env health and IPv6" "$out" ;;
	*)		ok ;;
	esac
else
	bad "env health and IPv6" "$out"
fi
env_bad "health of nothing" "HEALTHCHECK: HEALTH_DNS_NAME or" \
    WG_PRIVATE_KEY="$K" HEALTHCHECK=1
out=$(env -i WG_PRIVATE_KEY="$K" WG_BLOCK=private WG_PASS='10.0.0.0/8
192.168.0.0/16' $d -nv -e 2>&1)
if [ "$(printf '%s' "$out" | grep -c '^pass to\|^block to private')" -eq 3 ] &&
    printf '%s' "$out" | grep '^pass\|^block' | head -n 1 |
    grep -q '^block'; then ok; else
	bad "env rules in order" "$out"
fi
env_bad "bad rule" "WG_PASS:2: to: not an address/length" \
    WG_PRIVATE_KEY="$K" WG_PASS=10.0.0.1,nowhere
env_bad "bad statement" "WG_CONF:2: syntax error" WG_PRIVATE_KEY="$K" \
    WG_CONF='mtu 1400
nonsense'
env_good indices WG_PRIVATE_KEY="$K" WG_PEERS=0,phone \
    WG_PEER_0_PUBLIC_KEY="$P" WG_PEER_0_ALLOWED_IPS=10.77.0.2,fd77::2/128 \
    WG_PEER_0_ENDPOINT=vpn.example.com:51820 WG_PEER_0_KEEPALIVE=25 \
    WG_PEER_phone_PUBLIC_KEY="$Q" WG_MTU=1200 WG_LISTEN_PORT=51821 \
    WG_ADDRESS=10.77.0.1/24,fd77::1/64 POOLING=1 PROCESSOR_WORKERS=8
env_good inline WG_PRIVATE_KEY="$K" WG_PEERS="public_key=$P,allowed_ips=\
10.0.0.2/32,10.0.0.3/32,endpoint=[2001:db8::1]:51820,\
persistent_keepalive=25,public_key=$Q,allowed_ips=10.0.0.4"
out=$(env -i WG_PRIVATE_KEY="$K" \
    WG_PEERS="public_key=$P,allowed_ips=10.0.0.2/32,10.0.0.3" $d -nv -e 2>&1)
if printf '%s' "$out" | grep -q '{ 10.0.0.2/32 10.0.0.3/32 }' &&
    ! printf '%s' "$out" | grep -qF "$K"; then ok; else
	bad "env inline printed" "$out"
fi
out=$(env -i WG_PRIVATE_KEY="$K" WG_LISTEN_PORT=0 $d -nv -e 2>&1)
printf '%s\n' "$out" >"$t/c"
good "env port 0 printed"
env_bad "no key" "WG_PRIVATE_KEY: missing" WG_MTU=1400
# a count where indices are meant, keys from files, names that are nearly ours
env_good count WG_PRIVATE_KEY="$K" WG_PEERS=2 WG_PEER_0_PUBLIC_KEY="$P" \
	WG_PEER_1_PUBLIC_KEY="$Q"
env_good "one index" WG_PRIVATE_KEY="$K" WG_PEERS=1 WG_PEER_1_PUBLIC_KEY="$P"
env_bad "a count too large" "WG_PEER_3_PUBLIC_KEY: missing" \
	WG_PRIVATE_KEY="$K" WG_PEERS=3 WG_PEER_0_PUBLIC_KEY="$P"
env_good files WG_PRIVATE_KEY_FILE="$t/key" WG_PEERS=0 \
	WG_PEER_0_PUBLIC_KEY="$P" WG_PEER_0_PRESHARED_KEY_FILE="$t/psk"
env_bad "open file" "WG_PRIVATE_KEY_FILE: $t/open.key is accessible" \
	WG_PRIVATE_KEY_FILE="$t/open.key"
env_bad "no file" "WG_PRIVATE_KEY_FILE: $t/none: No such file" \
	WG_PRIVATE_KEY_FILE="$t/none"
env_bad boolean 'WG_OVERLAY_ROUTING: "maybe" is neither true nor false' \
	WG_PRIVATE_KEY="$K" WG_OVERLAY_ROUTING=maybe
out=$(env -i WG_PRIVATE_KEY="$K" WG_LISTEN_PROT=1 TCP_X=1 $d -n -e 2>&1)
case $out in
*"WG_LISTEN_PROT (did you mean WG_LISTEN_PORT?)"*"variable TCP_X"*OK)	ok ;;
*)	bad "env unknown" "$out" ;;
esac
for x in 15s=15 1m30s=90 500ms=1 1.5s=2 20=20 24h=86400; do
	out=$(env -i WG_PRIVATE_KEY="$K" METRICS_INTERVAL="${x%=*}" $d -nv -e)
	case $out in
	*"metrics log ${x#*=}
"*)	ok ;;
	*)	bad "METRICS_INTERVAL=${x%=*}" "$out" ;;
	esac
done
for x in s 15x -1s 25h 1m30 "1s "; do
	env_bad "interval $x" "METRICS_INTERVAL: \"$x\" is not a time" \
		WG_PRIVATE_KEY="$K" METRICS_INTERVAL="$x"
done
env_bad format 'METRICS_FORMAT: "xml", ' WG_PRIVATE_KEY="$K" METRICS_LOG=1 \
	METRICS_FORMAT=xml
out=$(env -i WG_PRIVATE_KEY="$K" WG_PCAP=/x/y $d -nv -e | grep pcap)
if [ "$out" = 'pcap file "/x/y" max size 1000000000' ]; then ok; else
	bad "WG_PCAP" "$out"
fi
out=$(env -i WG_PRIVATE_KEY="$K" METRICS_LOG=yes METRICS_FORMAT=json $d -nv -e)
case $out in
*"metrics log 30
metrics format json"*)	ok ;;
*)	bad "METRICS_LOG" "$out" ;;
esac
printf '%s\n' "$out" >"$t/c"
good "metrics log"
env_bad "bad key" "WG_PRIVATE_KEY: not a key" WG_PRIVATE_KEY="$K$K"
env_bad mtu 'WG_MTU: "abc" is not a number' WG_PRIVATE_KEY="$K" WG_MTU=abc
env_bad peer "WG_PEER_1_PUBLIC_KEY: missing" WG_PRIVATE_KEY="$K" \
    WG_PEERS=0,1 WG_PEER_0_PUBLIC_KEY="$P"
env_bad ips 'WG_PEER_0_ALLOWED_IPS: "x" is not an address/length' \
    WG_PRIVATE_KEY="$K" WG_PEERS=0 WG_PEER_0_PUBLIC_KEY="$P" \
    WG_PEER_0_ALLOWED_IPS=10.0.0.1,x
env_bad endpoint 'WG_PEER_0_ENDPOINT: "1.2.3.4" is not host:port' \
    WG_PRIVATE_KEY="$K" WG_PEERS=0 WG_PEER_0_PUBLIC_KEY="$P" \
    WG_PEER_0_ENDPOINT=1.2.3.4
# keys where others can see them
printf 'private key "%s"\naddress 10.77.0.1/24\n' "$K" >"$t/seen"
chmod 640 "$t/seen"
printf "k = '\"%s\"'\n" "$K" >"$t/keys"
chmod 604 "$t/keys"
printf 'include "%s"\nprivate key $k\naddress 10.77.0.1/24\n' "$t/keys" \
    >"$t/hidden"
for x in "seen:1: private key: others can read" \
    "hidden:2: private key: others can read"; do
	if out=$($d -n -f "$t/${x%%:*}" 2>&1); then
		bad "exposed ${x%%:*}" "accepted"
	elif ! echo "$out" | grep -qF "$x" || echo "$out" | grep -qF "$K"; then
		bad "exposed ${x%%:*}" "$out"
	else
		ok "exposed ${x%%:*}"
	fi
done
chmod 600 "$t/keys"
chmod 644 "$t/hidden"
if out=$($d -n -f "$t/hidden" 2>&1); then
	ok "a key from a private file"
else
	bad "a key from a private file" "$out"
fi
sed -i 1d "$t/hidden"
if out=$($d -n -D "k=\"$K\"" -f "$t/hidden" 2>&1) ||
    ! echo "$out" | grep -q 'private key: a secret given by -D'; then
	bad "a key by -D" "$out"
else
	ok "a key by -D"
fi
env_bad "endpoint name" 'WG_PEER_0_ENDPOINT: "a%b:1" is not host:port' \
    WG_PRIVATE_KEY="$K" WG_PEERS=0 WG_PEER_0_PUBLIC_KEY="$P" \
    WG_PEER_0_ENDPOINT=a%b:1
env_bad inline "WG_PEERS: a peer starts with public_key=" \
    WG_PRIVATE_KEY="$K" WG_PEERS="allowed_ips=10.0.0.1,public_key=$P"
env_good overlay WG_PRIVATE_KEY="$K" WG_OVERLAY_ROUTING=1 \
    WG_OVERLAY_EXCLUDE_CIDRS="172.16.0.0/12,169.254.0.0/16"
env_good tcp WG_PRIVATE_KEY="$K" TCP_CC=cubic TCP_ENABLE_SACK=0 \
    TCP_MSS_CLAMP=1200 TCP_PACE_US=5 TCP_GATE_LOG=on TCP_ERROR_SIGNAL=rst \
    TCP_FAST_DIAL_MS=5 TCP_SOCK_RCVBUF=4096 TCP_SOCK_SNDBUF=4096 \
    TCP_ACK_IDLE_GATE_MS=6000 TCP_ACK_IDLE_MIN_INFLIGHT=1000 \
    TCP_ACK_IDLE_FAIL_SEC=120 TCP_PEND_CAP_BYTES=65536 TCP_WS_OUT=7 \
    TCP_INIT_CWND_MSS=10 COPY_TOS=1 IP_TTL=64
for bad in TCP_CC=vegas TCP_ERROR_SIGNAL=x TCP_WS_OUT=15 IP_TTL=0 \
    TCP_MSS_CLAMP=20 TCP_GATE_LOG=loud TCP_PACE_US=-1 \
    TCP_ACK_IDLE_FAIL_SEC=0; do
	env_bad "$bad" "${bad%%=*}: " WG_PRIVATE_KEY="$K" "$bad"
done
env_good uapi WG_PRIVATE_KEY="$K" WG_UAPI_INTERFACE=wg0
env_bad uapi 'WG_UAPI_INTERFACE: "../x" is not an interface name' \
    WG_PRIVATE_KEY="$K" WG_UAPI_INTERFACE=../x
env_bad exclude 'WG_OVERLAY_EXCLUDE_CIDRS: "x/8" is not' \
    WG_PRIVATE_KEY="$K" WG_OVERLAY_EXCLUDE_CIDRS=10.0.0.0/8,x/8

# keys as wg(8) makes them
k=$($ctl genkey)
if [ ${#k} -eq 44 ] && [ "$(echo "$k" | $ctl pubkey)" = \
    "$(echo "$k" | wg pubkey)" ]; then ok; else bad "pubkey"; fi
if echo x | $ctl pubkey >/dev/null 2>&1; then bad "bad pubkey"; else ok; fi
if $ctl -s "$t/none" show >/dev/null 2>"$t/err" ||
    [ "$(wc -l <"$t/err")" -ne 1 ]; then bad "no daemon"; else ok; fi

# wg-quick files
cat >"$t/wg0.conf" <<X
[Interface]
Address = 10.8.0.1/24, fd08::1/64
Address = 10.8.1.1/24
ListenPort = 51999   # here
PrivateKey = $K
PostUp = iptables -A FORWARD -i %i -j ACCEPT
MTU = 1380

# Name = phone
[Peer]
PublicKey = $P
PresharedKey = $(cat "$t/psk")
AllowedIPs = 10.8.0.2/32,fd08::2/128
Endpoint = [2001:db8::1]:51820

[Peer]
PublicKey=$Q
AllowedIPs = 10.8.0.3
Endpoint = vpn.example.com:1234
PersistentKeepalive = 25
X
$ctl convert "$t/wg0.conf" >"$t/c" || bad convert
good converted
$d -nv -f "$t/c" >"$t/one" 2>&1
for w in 'listen on \* port 51999' 'mtu 1380' 'peer "phone" {' \
    'peer "peer2" {' 'address { 10.8.0.1/24 fd08::1/64 10.8.1.1/24 }' \
    'endpoint "2001:db8::1" port 51820' 'persistent keepalive 25' \
    'endpoint "vpn.example.com" port 1234' 'preshared key redacted'; do
	if grep -q "$w" "$t/one"; then ok; else bad "converted: $w"; fi
done
printf '[Interface]\nPrivateKey = %s\nMTU = 9\n' "$K" >"$t/wg0.conf"
out=$($ctl convert "$t/wg0.conf" 2>&1 >/dev/null)
case $out in
*"$K"*)	bad "convert shows a key" ;;
*wg0.conf:3:*)	ok ;;
*)	bad "convert error" "$out" ;;
esac
if [ -z "$($ctl convert "$t/wg0.conf" 2>/dev/null)" ]; then ok; else
	bad "convert: half of it"
fi

# whose name is it?  keys, in order, and the names that the peers get
names() {
	what=$1 want=$2
	{ printf '\357\273\277[Interface]\nPrivateKey = %s\n\n' "$K"; cat; } |
	    sed "s,KEY,PublicKey = $P," >"$t/wg0.conf"
	out=$($ctl convert - <"$t/wg0.conf" | sed -n 's/^peer "\(.*\)" {/\1/p' |
	    tr '\n' ,)
	if [ "$out" = "$want" ]; then ok; else
		bad "convert: names $what" "$out"
	fi
}
names inside phone,laptop, <<X
[Peer]
# phone
KEY
[Peer]
# Name = laptop
KEY
X
names before phone,laptop, <<X
# phone
[Peer]
KEY

# laptop

[Peer]
KEY
X
names below phone,laptop, <<X
[Peer]
KEY
# phone

[Peer]
KEY
# Name: laptop
X
names markers phone,laptop,tv, <<X
### begin phone ###
[Peer]
KEY
### end phone ###
### Client laptop
[Peer]
KEY
# BEGIN_PEER tv
[Peer]
KEY
# END_PEER tv
X
names "switched off" phone,peer2,peer3, <<X
[Peer]
# phone
# bought in May
KEY
#Endpoint = 192.0.2.1:7
[Peer]
; PersistentKeepalive=25
KEY
[Peer]
KEY
X
names "that say so" phone,tv, <<X
# Name = phone
# bought in May
[Peer]
# mine
KEY

[Peer]
# the one in the kitchen
# friendly_name = tv
KEY
X
names twice 'phone,phone 2,phone 3,' <<X
# phone
[Peer]
KEY
# phone
[Peer]
KEY
# phone
[Peer]
KEY
X
printf '[Interface]\nPrivateKey = %s\nPostUp = a = b; c\nTable = off\n' \
    "$K" >"$t/wg0.conf"
out=$($ctl convert "$t/wg0.conf")
case $out in
*"# not converted: PostUp = a = b; c
# not converted: Table = off"*)	ok ;;
*)	bad "convert: what stays" "$out" ;;
esac
for x in 'no PrivateKey|[Interface]' \
    'a peer without a PublicKey|[Interface]\nPrivateKey = '$K'\n[Peer]\n' \
    'a second [Interface]|[Interface]\n[Interface]' \
    'unknown section|[Pear]'; do
	printf "${x#*|}" >"$t/wg0.conf"
	out=$($ctl convert "$t/wg0.conf" 2>&1 >"$t/one")
	if [ -s "$t/one" ] || ! printf '%s' "$out" | grep -qF "${x%%|*}"; then
		bad "convert: ${x%%|*}" "$out"
	else
		ok
	fi
done

# DERP relays
N="nodekey:$(printf '%064d' 7)"
$ctl derp key "$t/node" >"$t/node.pub"
if grep -q '^privkey:[0-9a-f]\{64\}$' "$t/node" &&
    grep -q '^nodekey:[0-9a-f]\{64\}$' "$t/node.pub" &&
    [ "$($ctl derp key "$t/node")" = "$(cat "$t/node.pub")" ]; then
	ok
else
	bad "derp key" "$(cat "$t/node.pub")"
fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=x -keyout "$t/ca.key" -out "$t/ca" 2>/dev/null
conf <<X
private key "$K"
derp "https://relay.example/derp" {
	key file "$t/node"
	ca "$t/ca"
	pin "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	proxy "http://joe:geheim@[2001:db8::1]:3128"
	accept any
}
derp "https://[2001:db8::2]:8443" { ca file "$t/ca" }
derp "http://192.0.2.1/derp"
peer "a" {
	public key "$P"
	allowed ips 10.77.0.2/32
	endpoint 192.0.2.7 port 51820
	endpoint derp "$N"
}
relay listen on 127.0.0.1 port 51821 to derp "nodekey:$(printf '%064d' 8)" \
    client 127.0.0.1 port 51820 allow { 127.0.0.0/8 }
X
good derp
out=$($d -nv -f "$t/c" 2>&1)
if printf '%s' "$out" | grep -q geheim ||
    printf '%s' "$out" | grep -qF "$(sed 's/privkey://' "$t/node")"; then
	bad "derp -nv shows a secret" "$out"
else
	ok
fi
printf '%s\n' "$out" | sed "s|key redacted|key \"$K\"|" >"$t/again"
$d -nv -f "$t/again" >"$t/twice" 2>&1
printf '%s\n' "$out" >"$t/once"
sed -i 's/[[:space:]]*# and a password//' "$t/once" "$t/twice"
sed -i "s|key redacted|key|; s|key inline|key|" "$t/once" "$t/twice"
if diff "$t/once" "$t/twice" >"$t/diff"; then ok; else
	bad "derp -nv parses back" "$(cat "$t/diff")"
fi

for pin in sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    sha256///AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; do
	printf 'private key "%s"\nderp "https://r.example" {\nkey file "%s"
pin "%s"\n}\n' "$K" "$t/node" "$pin" >"$t/c"
	good "derp pin $pin"
done

# refused_derp NAME TEXT STATEMENTS
refused_derp() {
	printf 'private key "%s"\n%s\n' "$K" "$3" >"$t/c"
	refused "derp $1" "$2"
}
D="derp \"https://r.example/derp\""
refused_derp "no key" 'c:2: derp: not a URL' 'derp "ftp://r.example" { }'
refused_derp "no key file" '"key file" is missing' "$D"
refused_derp "a path" 'not a URL' 'derp "https://r.example/a b"'
refused_derp "a query" 'not a URL' 'derp "https://r.example/x?y"'
refused_derp "a user" 'not a URL' 'derp "https://joe@r.example/x"'
refused_derp "a host" 'not a URL' 'derp "https://r_.example:99999/x"'
refused_derp "twice" 'the same relay twice' "$D { key file \"$t/node\" }
$D"
refused_derp "a key of wg" 'does not hold "privkey:"' \
    "$D { key file \"$t/key\" }"
cp "$t/node" "$t/open.node"
chmod 644 "$t/open.node"
refused_derp "an open key" 'accessible to group or others' \
    "$D { key file \"$t/open.node\" }"
refused_derp "a ca that is not there" 'No such file' \
    "$D { key file \"$t/node\"
ca \"$t/nowhere\" }"
refused_derp "a ca that is none" 'holds no certificate' \
    "$D { key file \"$t/node\"
ca \"$t/key\" }"
refused_derp "a pin" '"sha256/" and base64' "$D { key file \"$t/node\"
pin \"md5/AAAA\" }"
refused_derp "a proxy" 'http://host:port' "$D { key file \"$t/node\"
proxy \"https://x\" }"
refused_derp "a pin of http" 'has no certificate' \
    "derp \"http://r.example/derp\" { key file \"$t/node\"
pin \"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" }"
refused_derp "a peer without" 'but there is no "derp"' \
    "peer \"a\" { public key \"$P\"
endpoint derp \"$N\" }"
refused_derp "a short node key" '64 hexadecimal digits' \
    "peer \"a\" { public key \"$P\"
endpoint derp \"nodekey:12\" }"
refused_derp "a port without" 'needs a "derp" relay' \
    "relay listen on 127.0.0.1 port 5 to derp \"$N\""
refused_derp "both" 'has the key that clients are to reach' \
    "$D { key file \"$t/node\" }
peer \"a\" { public key \"$P\"
endpoint derp \"$N\" }
relay listen on 127.0.0.1 port 5 to derp \"$N\""
refused_derp "the same, said otherwise" 'the same relay twice' \
    "derp \"https://r.example\" { key file \"$t/node\" }
derp \"https://r.example:443/derp\""
refused_derp "two keys" 'one key file only' "$D { key file \"$t/node\"
key file \"$t/node\" }"
refused_derp "for everybody" 'needs "allow"' "$D { key file \"$t/node\" }
relay listen on * port 5 to derp \"$N\""
many=$(i=0; while [ $i -lt 65 ]; do echo "10.0.$i.0/24"; i=$((i + 1)); done)
refused_derp "65 prefixes" 'too many prefixes' "$D { key file \"$t/node\" }
relay listen on 127.0.0.1 port 5 to derp \"$N\" allow { $many }"
refused_derp "a ca without end" 'holds no certificate' \
    "$D { key file \"$t/node\"
ca \"/dev/zero\" }"
refused_derp "a proxy's password" 'http://host:port' \
    "$D { key file \"$t/node\"
proxy \"http://a:%zz@proxy.example:3128\" }"
env_bad "derp peer 0" 'WG_PEER_0_DERP: not "nodekey:"' WG_PRIVATE_KEY="$K" \
    WG_DERP_URL=https://r.example WG_DERP_KEY_FILE="$t/node" WG_PEERS=0 \
    WG_PEER_0_PUBLIC_KEY="$P" \
    WG_PEER_0_DERP="nodekey:$(printf '%064d' 0)"
conf <<X
derp "https://r.example/derp" { key file "$t/node" }
relay listen on 127.0.0.1 port 51821 to derp "$N"
X
good "a relay for clients, and no gateway"
conf <<X
derp "https://r.example/derp" { key file "$t/node" }
X
refused "neither gateway nor clients" 'no private key'
conf <<X
private key "$K"
derp "https://r.example/derp" { key file "$t/new.node" }
X
out=$($d -n -f "$t/c" 2>&1)
if [ $? -eq 0 ] && printf '%s' "$out" | grep -q 'is made at the start' &&
    [ ! -e "$t/new.node" ]; then ok; else
	bad "derp: a key file that is to be made" "$out"
fi
env_good derp WG_PRIVATE_KEY="$K" WG_DERP_URL=https://r.example \
    WG_DERP_KEY_FILE="$t/node" WG_PEERS=0 WG_PEER_0_PUBLIC_KEY="$P" \
    WG_PEER_0_DERP="$N"
env_good "derp key" WG_PRIVATE_KEY="$K" WG_DERP_URL=https://r.example \
    WG_DERP_KEY="$(cat "$t/node")"
env_bad "derp key" 'WG_DERP_KEY: not "privkey:"' WG_PRIVATE_KEY="$K" \
    WG_DERP_URL=https://r.example WG_DERP_KEY="$K"
env_bad "derp peer" 'WG_PEER_0_DERP: not "nodekey:"' WG_PRIVATE_KEY="$K" \
    WG_DERP_URL=https://r.example WG_DERP_KEY_FILE="$t/node" WG_PEERS=0 \
    WG_PEER_0_PUBLIC_KEY="$P" WG_PEER_0_DERP=x

# lists of names, and who is asked for some
echo '0.0.0.0 ads.example' >"$t/ads"
conf <<X
private key "$K"
address 10.77.0.1/24
dns listen upstream { 192.0.2.53 }
dns forward "Corp.Example." to { 10.0.0.53 10.0.0.54@5353 }
dns forward "lab.example" to 10.0.0.55
dns block file "$t/ads"
dns block { "Bad.example", "worse.example" }
dns allow "ok.bad.example"
dns block return zero
dns log yes
peer "a" {
	public key "$P"
	allowed ips 10.77.0.2/32
	dns filter no
	dns log yes
}
X
good "dns lists"
$d -nv -f "$t/c" 2>/dev/null | sed "s|key redacted|key \"$K\"|" >"$t/again"
$d -nv -f "$t/again" 2>/dev/null | sed "s|key redacted|key \"$K\"|" \
    >"$t/twice"
if [ "$(grep -c 'dns ' "$t/again")" -ge 11 ] &&
    diff "$t/again" "$t/twice" >"$t/diff"; then ok; else
	bad "dns lists -nv" "$(cat "$t/diff" "$t/again")"
fi
# refused_dns NAME TEXT STATEMENT
refused_dns() {
	printf 'private key "%s"\naddress 10.0.0.1/24\ndns listen\n%s\n' \
	    "$K" "$3" >"$t/c"
	refused "dns $1" "$2"
}
refused_dns "a list that is not there" 'No such file' \
    "dns block file \"$t/nowhere\""
refused_dns "a list that is a folder" 'not a regular file' \
    "dns block file \"$t\""
refused_dns "a name" 'dns block: not a name' 'dns block "a b"'
refused_dns "an answer" 'nxdomain or zero' 'dns block return "x"'
refused_dns "a domain twice" 'the same domain twice' \
    'dns forward "a.example" to 10.0.0.1
dns forward "A.example" to 10.0.0.2'
refused_dns "an upstream" 'not an address' 'dns forward "a.example" to "x"'

echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
