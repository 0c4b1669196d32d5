-- How far the audit log was found sound, so that looking at it costs in proportion to what is new.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.audit_verification (
  singleton boolean primary key default true check (singleton),
  verified_id bigint not null default 0,
  hash bytea not null default '',
  verified_at timestamptz,
  again_id bigint not null default 0,
  again_at timestamptz
);
comment on table private.audit_verification is 'One row. Rows of the audit log up to verified_id were found sound or told as a problem, and hash was that of the last of them: one that differs later was rewritten. Old rows are read again, slice by slice, up to again_id; again_at: when all of them had been.';
insert into private.audit_verification default values;

alter table private.ledger_problems drop constraint ledger_problems_source_check;
alter table private.ledger_problems add constraint ledger_problems_source_check
  check (source in ('wallets', 'holds', 'books', 'audit')) not valid;
alter table private.ledger_problems validate constraint ledger_problems_source_check;

alter table private.audit_verification enable row level security;
revoke all on private.audit_verification from public, anon, authenticated, service_role;
