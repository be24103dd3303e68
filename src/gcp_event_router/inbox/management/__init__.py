"""The command of the inbox: `reports` has the subcommands that show, `changes` those that change."""
