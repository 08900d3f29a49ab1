"""Answers a posted form with its parts, as Python's email package reads them."""

import email
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        chunked = self.headers.get("transfer-encoding") == "chunked"
        body = self.chunks() if chunked else self.rfile.read(int(self.headers["content-length"]))
        head = "content-type: " + self.headers["content-type"] + "\r\n\r\n"
        # One character for each byte: nothing is lost, whatever the parts hold.
        message = email.message_from_string(head + body.decode("latin-1"))
        parts = message.get_payload() if message.is_multipart() else []
        answer = {
            "chunked": chunked,
            "defects": [repr(d) for m in [message, *parts] for d in m.defects],
            "parts": [self.part(part) for part in parts],
        }
        answer = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def part(self, part):
        text = lambda value: value and value.encode("latin-1").decode()
        fields = [
            [name.lower(), value]
            for name, value in part.items()
            if name.lower() != "content-disposition"
        ]
        return {
            "name": text(part.get_param("name", header="content-disposition")),
            "file_name": text(part.get_filename()),
            "fields": fields,
            "content": part.get_payload(),
        }

    def chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


host, port = sys.argv[1].rsplit(":", 1)
ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
