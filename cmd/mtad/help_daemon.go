package main

const helpRun = `usage: mtad [-c DIR] run [-o NAME=VALUE]...

Runs the mail system in the foreground until SIGINT or SIGTERM, which let it
finish what it is doing; SIGHUP reads the configuration again. Logs to standard
error unless maillog_file names a file.

  -c DIR  configuration directory
  -o      set a parameter, whatever the files say
`

const helpCheck = `usage: mtad [-c DIR] check

Reads the configuration and lists every parameter that is set: whether it has
an effect, and what is wrong with it.

Exit code: 0 the daemon would start with it, 1 it would not.
`
