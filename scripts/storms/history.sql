-- What the rows went through, kept by the harness in its own throw-away database; nothing of Scrip knows of it.
create schema storm;
create table storm.history (
  n bigint generated always as identity primary key,
  generation_id uuid not null,
  status text not null,
  attempt integer not null,
  provider_request_id text,
  dispatch_at timestamptz,
  at timestamptz not null default clock_timestamp()
);
create index on storm.history (generation_id, n);

create function storm.note() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into storm.history (generation_id, status, attempt, provider_request_id, dispatch_at)
  values (new.id, new.status, new.attempt, new.provider_request_id, new.dispatch_at);
  return null;
end
$$;

create trigger storm_note_insert after insert on public.generations for each row execute function storm.note();
create trigger storm_note_update after update on public.generations for each row
when ((old.status, old.attempt, old.provider_request_id, old.dispatch_at)
  is distinct from (new.status, new.attempt, new.provider_request_id, new.dispatch_at))
execute function storm.note();
