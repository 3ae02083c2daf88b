"""channels_redis: messages and groups of Django's channels, by its core layer."""

import asyncio

from channels_redis.core import RedisChannelLayer

from checks import BINARY, PORT, check, done


def layer():
    return RedisChannelLayer(hosts=[f"redis://127.0.0.1:{PORT}/1"])


async def main():
    here, there = layer(), layer()
    mine, theirs = await here.new_channel(), await there.new_channel()
    waiting = asyncio.create_task(there.receive(theirs))
    await asyncio.sleep(0)
    await here.send(theirs, {"type": "mail", "body": BINARY})
    check("a message to one", (await asyncio.wait_for(waiting, 20))["body"], BINARY)
    for channel, of in ((mine, here), (theirs, there)):
        await of.group_add("room", channel)
    await here.group_send("room", {"type": "news", "number": 1})
    check("a message to a group", [(await asyncio.wait_for(of.receive(channel), 20))["number"] for channel, of in ((mine, here), (theirs, there))], [1, 1])
    await there.group_discard("room", theirs)
    await here.group_send("room", {"type": "news", "number": 2})
    await here.send(theirs, {"type": "mail", "number": 3})
    check("a group that was left", [(await asyncio.wait_for(here.receive(mine), 20))["number"], (await asyncio.wait_for(there.receive(theirs), 20))["number"]], [2, 3])
    for number in range(50):
        await here.send(theirs, {"type": "mail", "number": number})
    check("fifty in their order", [(await asyncio.wait_for(there.receive(theirs), 20))["number"] for _ in range(50)], list(range(50)))
    done()


asyncio.run(main())
