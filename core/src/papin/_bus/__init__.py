"""The bus: events from whoever has something to tell to whoever listens, without anybody waiting for anybody.

Publishing is sync and never blocks. Each subscription has its own bounded queue; one that is full takes nothing more
until it is drained, and is then told by `Lagged` how many events it missed, in one contiguous gap, so that delivered
and missed together are all that was published. An event is encoded at most once, however many want its bytes.
"""

from papin._bus._bus import Bus, BusStatistics, Frame, Subscription

__all__ = ["Bus", "BusStatistics", "Frame", "Subscription"]
