-- join_phrases(p_phrases) -> text      called by: join_texts
-- One text: a comma between two phrases, unless the first ends with a mark of its own. Null of nothing.
create or replace function private.join_phrases(p_phrases text[])
returns text
language sql
immutable
set search_path = ''
as $$
  select string_agg(x.phrase || case when x.last then '' when x.phrase ~ '[.,;:!?]$' then ' ' else ', ' end, '' order by x.n)
  from (select p.phrase, p.n, lead(p.n) over (order by p.n) is null as last from unnest(p_phrases) with ordinality p (phrase, n)
        where p.phrase is not null) x;
$$;

revoke all on function private.join_phrases(text[]) from public, anon, authenticated, service_role;
