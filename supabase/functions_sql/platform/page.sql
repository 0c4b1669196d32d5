-- page(p_rows, p_limit) -> jsonb      called by: list operations, which read one row more than they were asked for
-- {data, has_more}.
create or replace function private.page(p_rows jsonb, p_limit integer)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'data', case when jsonb_array_length(p_rows) > p_limit then p_rows - p_limit else p_rows end,
    'has_more', jsonb_array_length(p_rows) > p_limit);
end
$$;

revoke all on function private.page(jsonb, integer) from public, anon, authenticated, service_role;
