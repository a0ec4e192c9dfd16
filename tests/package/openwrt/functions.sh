#!/bin/sh
# Stands in for OpenWrt's /lib/functions.sh where tests run: the calls that kinglet-uci makes, with
# the meaning that the OpenWrt documentation gives them. Values of options are kept in variables
# `CONFIG_section_option`. UCI_DIR is the directory of the packages, UCI_LINES the reader of UCI.

CONFIG_SECTIONS=
section_count=0
list_length=
bool_text=

config() {
	section_count=$((section_count + 1))
	current=${2:-cfg$section_count}
	CONFIG_SECTIONS="$CONFIG_SECTIONS $current"
	eval "CONFIG_${current}_TYPE=\$1"
}

option() {
	eval "CONFIG_${current}_$1=\$2"
}

list() {
	eval "list_length=\$((\${CONFIG_${current}_$1_LENGTH:-0} + 1))"
	eval "CONFIG_${current}_$1_LENGTH=\$list_length"
	eval "CONFIG_${current}_$1_ITEM$list_length=\$2"
	eval "CONFIG_${current}_$1=\${CONFIG_${current}_$1:+\$CONFIG_${current}_$1 }\$2"
}

config_load() {
	eval "$("$UCI_LINES" "$UCI_DIR/$1")"
}

# config_get VARIABLE SECTION OPTION [DEFAULT]
config_get() {
	eval "$1=\${CONFIG_$2_$3:-\${4:-}}"
}

config_get_bool() {
	config_get "$1" "$2" "$3" "${4:-}"
	eval "bool_text=\$$1"
	case $bool_text in
	1 | on | true | yes | enabled) eval "$1=1" ;;
	0 | off | false | no | disabled) eval "$1=0" ;;
	*) eval "$1=\${4:-}" ;;
	esac
}

# config_foreach FUNCTION TYPE
config_foreach() {
	local section kind
	for section in $CONFIG_SECTIONS; do
		config_get kind "$section" TYPE
		[ "$kind" != "$2" ] || "$1" "$section"
	done
}

# config_list_foreach SECTION OPTION FUNCTION ARGUMENT...
config_list_foreach() {
	local list_section=$1 list_option=$2 function=$3 length number=1 value
	shift 3
	config_get length "$list_section" "${list_option}_LENGTH" 0
	while [ "$number" -le "$length" ]; do
		config_get value "$list_section" "${list_option}_ITEM$number"
		"$function" "$value" "$@"
		number=$((number + 1))
	done
}

uci() {
	case $* in
	"-q get dhcp.@dnsmasq[0].domain") echo home.arpa ;;
	*) return 1 ;;
	esac
}
