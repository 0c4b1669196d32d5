-- Admins list the payments of all users, newest first.
set lock_timeout = '4s';
set statement_timeout = '60s';

create index payments_by_time on public.payments (created_at, id);
