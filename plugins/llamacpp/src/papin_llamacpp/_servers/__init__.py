"""The provider `llama-server`: a llama-server that somebody else started, with one model or as a router of many.

Nothing of it is started or stopped here. Which of the two it is stands in its `/props`, and is asked anew each time,
because it may be started again as the other one.
"""
