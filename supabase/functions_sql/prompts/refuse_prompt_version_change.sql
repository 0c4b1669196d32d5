-- refuse_prompt_version_change() -> trigger      called by: system_prompt_versions, before update, delete and truncate
-- What a generation was sent with never changes. Refuses: forbidden 403
create or replace function private.refuse_prompt_version_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT403', message = 'forbidden',
    hint = 'Versions of prompts are append-only. admin_write_prompts makes a new version.';
end
$$;

revoke all on function private.refuse_prompt_version_change() from public, anon, authenticated, service_role;

create or replace trigger system_prompt_versions_are_append_only
  before update or delete or truncate on private.system_prompt_versions
  for each statement execute function private.refuse_prompt_version_change();
