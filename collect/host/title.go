package host

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// interpreters are programs whose name tells nothing: what they run does.
// Each has the options that take the next argument as their value.
var interpreters = map[string]map[string]bool{
	"python": wordSet("-W -X -c -Q --check-hash-based-pycs"),
	"node":   wordSet("-r --require --import -e --eval -p --print --loader --experimental-loader -C --conditions"),
	"deno":   wordSet("-c --config"),
	"bun":    wordSet("-r --preload -c --config"),
	"ruby":   wordSet("-I -r -e -C -E"),
	"perl":   wordSet("-I -e -E"),
	"php":    wordSet("-c -d -r -B -R -F -E -S -t"),
	"java":   wordSet("-cp -classpath --class-path -p --module-path --add-modules --add-opens --add-exports --add-reads -m --module -jar"),
	"sh":     wordSet("-o -O +O +o --rcfile --init-file -c"),
}

var (
	versioned = regexp.MustCompile(`^(python|node|ruby|perl|php|java)(?:js)?[0-9.]*(-MainThread)?$`)
	// fileName is what may be taken from a command line: the name of a
	// script, a module or a main class. Whatever looks otherwise is left out.
	fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,39}$`)
	scripts  = regexp.MustCompile(`\.(py|pyz|js|mjs|cjs|ts|rb|pl|php|sh|bash|jar)$`)
	class    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$|^[A-Z][A-Za-z0-9_$]*$`)
)

// interpreter returns the common name of an interpreter, or "".
func interpreter(comm string) string {
	if shells[comm] {
		return "sh"
	}
	if m := versioned.FindStringSubmatch(comm); m != nil {
		return m[1]
	}
	if comm == "deno" || comm == "bun" {
		return comm
	}
	return ""
}

// titleOf names a program after its comm. Of the command line it uses the file
// name of the program, where the kernel has cut the comm short, and for an
// interpreter the file name of what it runs. Nothing else of the arguments is
// used: they may hold secrets.
func titleOf(comm string, cmdline []byte) string {
	args := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
	if comm == "MainThread" { // what newer node calls itself
		comm = path.Base(args[0])
	}
	const commMax = 15 // the kernel's TASK_COMM_LEN without its final zero
	if base := path.Base(args[0]); len(comm) == commMax && strings.HasPrefix(base, comm) && fileName.MatchString(base) {
		comm = base
	}
	name := interpreter(comm)
	if name == "" {
		return comm
	}
	script := scriptOf(name, args[1:])
	if name == "sh" {
		name = comm
	}
	if script == "" || script == name {
		return name
	}
	return name + ":" + script
}

// scriptOf finds what an interpreter runs, or "" where it cannot be told for
// sure.
func scriptOf(name string, args []string) string {
	takesValue := interpreters[name]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case name == "python" && arg == "-m", name == "java" && (arg == "-m" || arg == "--module"):
			if i+1 < len(args) && fileName.MatchString(path.Base(args[i+1])) {
				return path.Base(args[i+1])
			}
			return ""
		case name == "java" && arg == "-jar":
			if i+1 < len(args) {
				return safeFile(args[i+1])
			}
			return ""
		case name == "python" && strings.HasPrefix(arg, "-c"), name == "sh" && isCommandFlag(arg),
			(name == "perl" || name == "ruby" || name == "node") && (arg == "-e" || arg == "-E" || arg == "--eval" || arg == "-p"):
			return "" // the program itself is in the arguments
		case takesValue[arg]:
			i++
		case strings.HasPrefix(arg, "-"), strings.HasPrefix(arg, "+"):
		case name == "java":
			if !class.MatchString(arg) {
				return ""
			}
			return safeName(arg[strings.LastIndexByte(arg, '.')+1:])
		default:
			return safeFile(arg)
		}
	}
	return ""
}

// isCommandFlag tells "-c", also among others as in "-lc".
func isCommandFlag(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.HasSuffix(arg, "c")
}

// safeFile returns the base name of an argument that is a file for sure: it
// has a path or a script's ending.
func safeFile(arg string) string {
	if !strings.Contains(arg, "/") && !scripts.MatchString(arg) {
		return ""
	}
	if strings.HasPrefix(arg, "/dev/") || strings.HasPrefix(arg, "/proc/") || strings.Contains(arg, "://") {
		return ""
	}
	return safeName(path.Base(arg))
}

func safeName(name string) string {
	if !fileName.MatchString(name) {
		return ""
	}
	return name
}
