"""A page that counts its visits in redis."""

import os

import flask
import redis

app = flask.Flask(__name__)
store = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), port=6379, socket_timeout=5)


@app.route("/")
def page():
    count = store.incr("visits")
    return f"Hello from {os.uname().nodename}, visit number {count} by {flask.request.remote_addr}\n"


app.run(host="0.0.0.0", port=5000)
