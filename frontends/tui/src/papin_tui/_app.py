"""The application: five panes under tabs, a line that says how things stand, and what happens brought to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, HelpPanel, Input, Static, TabbedContent, TabPane

from papin import events, words
from papin.events import Event
from papin.kernel import Kernel
from papin.machine import Machine
from papin.safe import name
from papin.storages import Account
from papin_tui._bridge import Bridge
from papin_tui._desk import Desk
from papin_tui._downloads import DownloadsPane
from papin_tui._find import FindPane
from papin_tui._models import ModelsPane
from papin_tui._pane import Pane
from papin_tui._programs import ProgramsPane
from papin_tui._show import cell
from papin_tui._space import SpacePane

__all__ = ["PapinApp"]

_PANES: dict[str, tuple[str, type[Pane]]] = {
    "models": ("Models", ModelsPane),
    "find": ("Find", FindPane),
    "downloads": ("Downloads", DownloadsPane),
    "programs": ("Programs", ProgramsPane),
    "space": ("Space", SpacePane),
}
_OFTEN = 0.2  # seconds between two looks at what is stale: events come in bursts

_MODELS = (events.ModelInstalled, events.ModelChanged, events.ModelRemoved, events.ModelDamaged)
_MEMORY = (events.ModelLoaded, events.ModelUnloaded, events.ModelLoadFailed)
_PROGRAMS = (events.ProviderAppeared, events.ProviderVanished, events.ProviderChanged)
_DOWNLOADS = (
    events.DownloadQueued,
    events.DownloadStarted,
    events.DownloadProgressed,
    events.DownloadWarned,
    events.DownloadCompleted,
    events.DownloadFailed,
    events.DownloadInterrupted,
    events.DownloadPaused,
    events.DownloadResumed,
    events.DownloadCancelled,
)
_STALE: dict[str, tuple[type[Event], ...]] = {
    "models": (*_MODELS, *_MEMORY, *_PROGRAMS, events.ModelUpdateAvailable),
    "find": (*_MODELS, *_PROGRAMS, events.CatalogRefreshed),
    "downloads": _DOWNLOADS,
    "programs": (*_MEMORY, *_PROGRAMS),
    "space": (*_MODELS, events.CleanupDone, events.DiskSpaceLow),
}


class PapinApp(Desk):
    """papin in the whole terminal."""

    TITLE = "papin"
    CSS_PATH = "papin.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("f1", "keys", "Keys"),
        *(
            Binding(str(at), f"show('{key}')", title, show=False)
            for at, (key, (title, _)) in enumerate(_PANES.items(), 1)
        ),
    ]

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self._panes: dict[str, Pane] = {}
        self._is_standing = False

    def compose(self) -> ComposeResult:
        """Show the panes under their tabs."""
        self._standing = Static(id="standing", markup=False)
        self._tabs = TabbedContent()
        yield self._standing
        with self._tabs:
            for number, (key, (title, kind)) in enumerate(_PANES.items(), 1):
                self._panes[key] = kind()
                with TabPane(f"{number} {title}", id=key):
                    yield self._panes[key]
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Listen to the kernel, and look often at what is stale."""
        self.bridge.on_event = self._happened
        self.set_interval(_OFTEN, self._freshen)
        self.action_show("models")
        self._freshen()

    def _happened(self, event: Event) -> None:
        for key in stale_after(event):
            self._panes[key].is_stale = True
            self._is_standing &= key not in {"models", "space"}

    def _freshen(self) -> None:
        if not self._is_standing:
            self._is_standing = True
            self.begin(self._stand())
        self._panes[self._active].freshen()

    async def _stand(self) -> None:
        async def ask(kernel: Kernel) -> tuple[Sequence[Account], Machine, bool]:
            return await kernel.storage.account(), await kernel.machine(), kernel.config.core.offline

        accounts, machine, offline = await self.ask(ask)
        self._standing.update(cell(standing(accounts, machine, offline=offline)))

    def action_keys(self) -> None:
        """Show all keys that act here, or hide them again."""
        if self.screen.query(HelpPanel):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    # --- panes ---

    @property
    def _active(self) -> str:
        return self._tabs.active or "models"

    def action_show(self, key: str) -> None:
        """Go to a pane, from wherever one is."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.screen.set_focus(None)  # what would be hidden with the focus hands it on, and Textual follows it back
        self._tabs.active = key
        self._focus()  # at once: the next key may be here already

    def on_tabbed_content_tab_activated(self) -> None:
        """Read a pane that is come to, and put the keys where they act."""
        pane = self._panes[self._active]
        pane.come()
        pane.freshen()
        self._focus()

    def _focus(self) -> None:
        pane = self._panes[self._active]
        if not isinstance(self.focused, Input):
            self.screen.set_focus(next(iter(pane.query(DataTable)), None) or pane)


def stale_after(event: Event) -> frozenset[str]:
    """Return which panes do not show what is true any more, as `event` happened."""
    if isinstance(event, events.Lagged | events.RegistryRebuilt | events.UnknownEvent):
        return frozenset(_STALE)
    return frozenset(key for key, kinds in _STALE.items() if isinstance(event, kinds))


def standing(accounts: Sequence[Account], machine: Machine, *, offline: bool) -> str:
    """Return how things stand in one line: what the models take, what is free, what the machine has."""
    used = sum(each.used + each.staging for each in accounts)
    free = max((each.free for each in accounts), default=0)
    facts = [
        f"{words.size(used)} in models",
        f"{words.size(free)} free",
        f"{words.size(machine.memory.total)} memory",
        *(name(f"{gpu.name} {words.size(gpu.memory)}" if gpu.memory else gpu.name) for gpu in machine.gpus),
        "offline" if offline else "",
    ]
    return " papin   " + " · ".join(each for each in facts if each)
