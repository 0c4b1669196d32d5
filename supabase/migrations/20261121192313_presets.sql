-- A generation keeps the presets and versions that it was made with.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table public.generations add column presets jsonb;
comment on column public.generations.presets is '[{key, version}] in the order in which they are put together, as private.choose_presets makes them; null: none. version null: the built-in of this key. always: it was not chosen but belongs to all. left_out: why it is not used.';
grant select (presets) on public.generations to authenticated;
