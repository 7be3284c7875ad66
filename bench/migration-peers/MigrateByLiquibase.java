import java.nio.file.Path;
import java.sql.DriverManager;
import liquibase.Contexts;
import liquibase.Liquibase;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.resource.DirectoryResourceAccessor;
class MigrateByLiquibase {
  public static void main(String[] args) throws Exception {
    var connection = new JdbcConnection(DriverManager.getConnection(args[0], args[1], System.getenv("MYSQL_PWD")));
    var database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(connection);
    try (var liquibase = new Liquibase("changelog.sql", new DirectoryResourceAccessor(Path.of(args[2])), database)) {
      liquibase.update(new Contexts());
    }
  }
}
