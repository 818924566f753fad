"""The root of all commands: a table of what there is, and the options that hold for everything."""

from __future__ import annotations

import click

from papin_cli._app import App
from papin_cli._lazy import Branch, LazyGroup, Where
from papin_cli._params import examples, global_options

__all__ = ["root"]

_HERE = "papin_cli.commands"

_MODELS = {
    "list": Where(f"{_HERE}.models_list", "command", "Show the models of this machine."),
    "search": Where(f"{_HERE}.models_search", "command", "Find models that can be installed."),
    "browse": Where(f"{_HERE}.models_browse", "command", "Look around, by rows: recommended, popular, new, by task."),
    "show": Where(f"{_HERE}.models_show", "command", "Show everything about one model, installed or not."),
    "download": Where(f"{_HERE}.models_download", "command", "Download a model, or go on with a download."),
    "import": Where(
        f"{_HERE}.models_import", "command", "Take in a model file of this machine, or another program's model."
    ),
    "verify": Where(f"{_HERE}.models_verify", "command", "Check that a model is whole and runs here."),
    "measure": Where(f"{_HERE}.models_measure", "command", "Measure how fast a model is on this machine."),
    "repair": Where(f"{_HERE}.models_repair", "command", "Bring in again what is damaged of a model."),
    "update": Where(f"{_HERE}.models_update", "update", "Bring in new versions, or say what there is."),
    "rollback": Where(f"{_HERE}.models_update", "rollback", "Go back to the version before an update."),
    "remove": Where(f"{_HERE}.models_remove", "command", "Remove a model and free its space."),
    "share": Where(f"{_HERE}.models_share", "share", "Make a model usable in another program, without a copy."),
    "unshare": Where(f"{_HERE}.models_share", "unshare", "Take a share back."),
    "copy": Where(f"{_HERE}.models_name", "copy", "Give another program's model a second name."),
    "rename": Where(f"{_HERE}.models_name", "rename", "Give another program's model another name."),
    "load": Where(f"{_HERE}.models_load", "load", "Load a model into memory."),
    "unload": Where(f"{_HERE}.models_load", "unload", "Take a model out of memory."),
    "edit": Where(f"{_HERE}.models_edit", "command", "Change favourite, tags, collections and settings."),
    "settings": Where(f"{_HERE}.models_settings", "command", "Show or change how a model is loaded and sampled."),
    "complete": Where(f"{_HERE}.models_answer", "complete", "Let a model go on with a text."),
    "embed": Where(f"{_HERE}.models_answer", "embed", "Turn texts into vectors."),
    "recommend": Where(f"{_HERE}.models_recommend", "command", "Suggest models that suit this machine."),
}
_DOWNLOADS = {
    "list": Where(f"{_HERE}.downloads", "listing", "Show downloads and imports, the newest first."),
    "watch": Where(f"{_HERE}.downloads", "watch", "Follow downloads to their end."),
    "limit": Where(f"{_HERE}.downloads", "limit", "Limit how fast downloads are."),
    "pause": Where(f"{_HERE}.downloads", "pause", "Stop a download until it is resumed."),
    "resume": Where(f"{_HERE}.downloads", "resume", "Go on with a download."),
    "cancel": Where(f"{_HERE}.downloads", "cancel", "End a download."),
}
_PROVIDERS = {
    "list": Where(f"{_HERE}.parts", "providers", "Show the programs that run and keep models, and their state."),
    "show": Where(f"{_HERE}.providers", "show", "Show everything about one provider, and what it has."),
    "refresh": Where(f"{_HERE}.providers", "refresh", "Ask providers anew what they have."),
}
_CATALOGS = {
    "list": Where(f"{_HERE}.catalogs", "listing", "Show where models can be found."),
    "refresh": Where(f"{_HERE}.catalogs", "refresh", "Ask the catalogs for what is new."),
    "add": Where(f"{_HERE}.catalogs", "add", "Add a folder or web address of your own."),
    "remove": Where(f"{_HERE}.catalogs", "remove", "Forget a catalog of your own."),
}
_PLUGINS = {"list": Where(f"{_HERE}.parts", "plugins", "Show the installed plugins, and what is wrong with them.")}
_STORAGE = {
    "show": Where(f"{_HERE}.storage", "show", "Show how much space the models take."),
    "dedupe": Where(f"{_HERE}.storage", "dedupe", "Free what other programs store a second time, after asking."),
    "cleanup": Where(f"{_HERE}.storage", "cleanup", "Remove what is no longer needed, after asking."),
}
_CONFIG = {
    "show": Where(f"{_HERE}.config", "show", "Show the settings."),
    "path": Where(f"{_HERE}.config", "path", "Show where the configuration file is."),
    "set": Where(f"{_HERE}.config", "set_", "Change a setting."),
}

_TABLE: dict[str, Where | Branch] = {
    "run": Where(f"{_HERE}.run", "command", "Ask a model, or chat with it; it is downloaded on first use."),
    "models": Branch(_MODELS, "Find, install, check and remove models."),
    "downloads": Branch(_DOWNLOADS, "Show, pause, limit and end downloads."),
    "providers": Branch(_PROVIDERS, "The programs that run and keep models."),
    "catalogs": Branch(_CATALOGS, "The places where models can be found."),
    "plugins": Branch(_PLUGINS, "The parts that papin is made of."),
    "storage": Branch(_STORAGE, "Disk space."),
    "config": Branch(_CONFIG, "The settings."),
    "login": Where(f"{_HERE}.login", "login", "Keep a token for a server, or show for which there is one."),
    "logout": Where(f"{_HERE}.login", "logout", "Forget the token for a server."),
    "events": Where(f"{_HERE}.events", "command", "Show what happened, or follow what happens."),
    "completion": Where(f"{_HERE}.completion", "command", "Print a script that completes commands in a shell."),
}

_EXAMPLES = examples(
    'papin run smollm2 "Why is the sky blue?"',
    "papin models list",
    "papin models download starter:smollm2",
    "papin models verify smollm2",
    "papin tui  (the whole terminal)",
    "papin serve  (the HTTP API)",
)


@click.group(
    cls=LazyGroup,
    table=_TABLE,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXAMPLES,
)
@click.version_option(package_name="papin-cli", prog_name="papin", message="%(prog)s %(version)s")
@global_options
@click.pass_context
def root(ctx: click.Context) -> None:
    """Find, download, run and tidy up local language models.

    Without a command: what is installed, and what to do next.
    """
    if ctx.invoked_subcommand is None:
        from papin_cli.commands import overview  # noqa: PLC0415 - only when there is no command

        overview.show(ctx.ensure_object(App))
