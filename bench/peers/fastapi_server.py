"""The kind of manager that hotline replaces: FastAPI, a dict of sockets, and a loop that sends JSON to each.

    fastapi_server.py [--echo]
"""

import socket
import sys
import time
from collections import defaultdict

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

echo = "--echo" in sys.argv
app = FastAPI()


class ConnectionManager:
    def __init__(self):
        self.connections = defaultdict(list)

    async def connect(self, project_id, websocket):
        await websocket.accept()
        self.connections[project_id].append(websocket)

    def disconnect(self, project_id, websocket):
        self.connections[project_id].remove(websocket)

    async def broadcast(self, project_id, event):
        for websocket in list(self.connections[project_id]):
            await websocket.send_json(event)


manager = ConnectionManager()


@app.websocket("/ws/{project_id}")
async def serve(websocket: WebSocket, project_id: str):
    await manager.connect(project_id, websocket)
    try:
        while True:
            message = await websocket.receive_json()
            if echo:
                await websocket.send_json(message)
                continue
            await manager.broadcast(project_id, {
                "type": "event", "event_type": "bench", "project_id": project_id, "timestamp": time.time(),
                **message["payload"]})
    except WebSocketDisconnect:
        manager.disconnect(project_id, websocket)


listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(4096)
print("listening on", listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", ws_ping_interval=None)).run(sockets=[listening])
