"""The WSGI application, its accounts and roles as the secrets and settings say."""

from superset.app import create_app

from clickstream_superset import accounts, settings
from clickstream_superset.request_bodies import read_whole

app = create_app()
app.wsgi_app = read_whole(app.wsgi_app)
accounts.ensure(app, settings.load())
