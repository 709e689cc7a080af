#!/bin/sh
# Stands for docker in the tests: notes its words, then answers with the script that has the sub-command's name.
# The folder of both is $FAKE_DOCKER. A script finds the functions below, and $targets, $metadata and $folders for a bake.
set -eu
PATH=/usr/bin:/bin

# Ends a bake well: every target has an image, and every layout that was asked for is there.
bake_succeeds() {
    separator='{'
    for target in $targets; do
        printf '{"vertexes":[{"digest":"%s","name":"%s","started":"1","completed":"2"}]}\n' "$target" \
            "[$target] exporting to image" >&2
        printf '%s"%s": {"containerimage.digest": "sha256:%s"}' "$separator" "$target" "$target" >>"$metadata"
        separator=', '
    done
    echo '}' >>"$metadata"
    for layout in $layouts; do
        mkdir -p "$layout" && cp -R "$FAKE_DOCKER/layout/." "$layout"
    done
}

# Whether a bake has this target.
bakes() {
    case " $targets " in *" $1 "*) true ;; *) false ;; esac
}

bake_words() {
    targets='' metadata='' layouts='' folders=''
    while [ $# -gt 0 ]; do
        case "$1" in
        --metadata-file) metadata=$2 && shift ;;
        --set)
            case "$2" in
            *.output=type=oci,dest=*) layout=${2#*dest=} && layouts="$layouts ${layout%%,*}" ;;
            *.output=type=local,dest=*) folders="$folders ${2#*dest=}" ;;
            esac
            shift
            ;;
        --file | --builder | --progress | --allow) shift ;;
        --*) ;;
        *) targets="$targets $1" ;;
        esac
        shift
    done
}

printf '%s\n' "$*" >>"$FAKE_DOCKER/log"
case "$1" in
buildx | image | system) command="$1 $2" ;;
*) command=$1 ;;
esac
if [ ! -f "$FAKE_DOCKER/$command" ]; then
    printf 'docker: unknown command: docker %s\n\nRun '\''docker --help'\'' for more information\n' "$command" >&2
    exit 1
fi
if [ "$command" = 'buildx bake' ]; then
    shift 2
    bake_words "$@"
fi
# shellcheck source=/dev/null
. "$FAKE_DOCKER/$command"
