# Checks that an HTML page is well-formed and self-contained: tags are closed in order (except void ones), ids are
# unique, every link to an id has a target, and there are no scripts. Addresses are #id or data:, and for links also
# files of artifacts and arXiv. Prints errors and ends with status 1 if there are any.
BEGIN { RS = "<"; depth = 0; bad = 0 }
function wrong(text) { print FILENAME ": " text; bad = 1 }
NR == 1 { next }
{
    end = index($0, ">")
    if (!end) { wrong("no > behind <" substr($0, 1, 40)); next }
    tag = substr($0, 1, end - 1)
    rest = substr($0, end + 1)
    if (index(rest, ">")) wrong("a bare > behind <" substr(tag, 1, 40) ">")
    if (tag ~ /^!DOCTYPE/) next
    name = tag
    sub(/^\//, "", name)
    sub(/[ \n\/].*/, "", name)
    if (name == "script" || name == "link" || name == "iframe" || name == "object") wrong("<" name ">")
    if (tag ~ /^\//) {
        if (stack[depth] != name) wrong("</" name "> closes <" stack[depth] ">")
        depth--
        next
    }
    if (match(tag, /(^| )id="[^"]*"/)) {
        id = substr(tag, RSTART, RLENGTH)
        gsub(/.*id="|"$/, "", id)
        if (id in ids) wrong("id " id " twice")
        ids[id] = 1
    }
    if (match(tag, / (href|src)="[^"]*"/)) {
        address = substr(tag, RSTART, RLENGTH)
        gsub(/^ (href|src)="|"$/, "", address)
        if (address ~ /^#/) wanted[substr(address, 2)] = 1
        else if (name == "a" && address ~ /^(artifacts\/[0-9a-f]+\/[a-z.-]+|https:\/\/arxiv\.org\/abs\/[0-9.]+)$/) links++
        else if (address !~ /^data:image\/svg\+xml;base64,[A-Za-z0-9+\/]+=*$/) wrong("address " substr(address, 1, 60))
    }
    if (tag ~ /url\(|@import/) wrong("address in <" name ">")
    if (name != "meta" && name != "img" && name != "br" && name != "input") stack[++depth] = name
}
name == "style" && rest ~ /url\(|@import/ { wrong("an address in the styles") }
END {
    if (depth) wrong("<" stack[depth] "> is not closed")
    for (id in wanted) if (!(id in ids)) wrong("no id " id)
    if (NR < 20) wrong("found " NR " tags, expected a page")
    exit bad
}
